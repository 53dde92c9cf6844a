package nats

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/internal/engines"
	"github.com/spokehub/spokehub/internal/faultproxy"
)

// throughProxy puts a proxy ahead of a server.
func throughProxy(t *testing.T, s *engines.NATSServer) (p *faultproxy.Proxy, link string) {
	t.Helper()
	at, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	if p, err = faultproxy.New(at.Host); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p, "nats://" + p.Addr()
}

func TestWhatIsAppendedOnceAReconnectIsToldIsDelivered(t *testing.T) {
	const rounds, each = 100, 10
	s := engines.NATS(t, engines.NATSOptions{})
	p, link := throughProxy(t, s)
	a, told := open(t, Config{URLs: []string{link}})
	told.awaitNotes(t, 0, "up")
	b, _ := connect(t, s)
	subscribe(t, a, broker.Key{Kind: broker.Stream, Type: "order"})
	appendAll(t, b, events(kept, "order", "first"))
	for round := range rounds {
		told.await(t, "the last reconnect to be told", func() bool {
			return round == 0 || strings.HasPrefix(told.notes[len(told.notes)-1], "lost ")
		})
		before := told.noted()
		p.Cut()
		if round%2 == 1 {
			p.Restore()
			pause(t.Context(), time.Duration(rand.IntN(3000))*time.Microsecond)
			p.Cut()
		}
		p.Restore()
		told.await(t, "the reconnect to be told", func() bool { return isBack(told.notes[before:]) })
		before = told.noted()
		list := events(kept, "order", texts(each, "%d")...)
		appendAll(t, b, list)
		told.await(t, fmt.Sprintf("the events of round %d, or another loss", round), func() bool {
			for i := range list {
				at := len(told.deliveries) - each + i
				if at < 0 || told.deliveries[at].Position != list[i].Position {
					return strings.Contains(strings.Join(told.notes[before:], " "), "lost ")
				}
			}
			return true
		})
	}
}

// isBack says whether a connection was lost and is there again, as far as was told.
func isBack(notes []string) bool {
	last := ""
	for _, note := range notes {
		last, _, _ = strings.Cut(note, " ")
	}
	return len(notes) > 1 && last == "up" || last == "lost"
}
