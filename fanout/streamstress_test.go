package fanout_test

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/stream"
)

const (
	// stressPublishers dispatch at the same time, each with an id of its own.
	stressPublishers = 3
	// stressRounds is how often each client subscribes anew and then comes back, stressVisits how often in a round, and stressReads how many events it
	// reads each time.
	stressRounds = 8
	stressVisits = 4
	stressReads  = 24
)

// stressed is a client that comes back over and over to a stream into which much goes. It checks that it gets each event once, in order, and
// that it is told of each that it does not get.
type stressed struct {
	t     *testing.T
	hub   *fanout.Hub
	topic string
	// at is where it has been, number the number of the last event of the publisher whose id the topic has, -1 before the first.
	at     event.Position
	number int
}

// join is a new connection.
func (s *stressed) join() *client {
	here, there := pair(s.t, "tcp")
	if _, err := s.hub.AddConnection(there); err != nil {
		s.t.Fatalf("add connection: %v", err)
	}
	return newClient(s.t, here)
}

// visit subscribes where the client has been, or anew, and reads some events.
func (s *stressed) visit(isNew bool) {
	s.t.Helper()
	c := s.join()
	defer c.conn.Close()
	if isNew {
		s.at, s.number = c.follow(s.topic).Position, -1
	} else {
		s.comeBack(c)
	}
	for range stressReads {
		if message := c.message(); strings.HasPrefix(message, `{"type":"__gap"`) {
			s.miss(message)
		} else {
			s.read(message)
		}
	}
}

// comeBack resumes. What the answer says is missing are the oldest events.
func (s *stressed) comeBack(c *client) {
	s.t.Helper()
	got := c.resume(s.topic, s.at)
	isWhole := got.Result == event.Resumed && got.Missed == 0
	if !isWhole && (got.Result != event.Gapped || got.Missed <= 0) || got.Position.Offset < s.at.Offset+uint64(got.Missed) {
		s.t.Fatalf("%s behind %v: got %+v, want it resumed, or a gap", s.topic, s.at, got)
	}
	s.at.Offset += uint64(got.Missed)
	if !isWhole {
		s.number = -1
	}
}

// miss reads a gap, which must begin where the client is.
func (s *stressed) miss(message string) {
	s.t.Helper()
	gap, err := event.ParseGap([]byte(message))
	all := int64(gap.To - gap.From + 1)
	if err != nil || gap.Topic != s.topic || gap.From <= s.at.Offset || gap.Missed > all || s.topic == "price" && (gap.From != s.at.Offset+1 || gap.Missed != all) {
		s.t.Fatalf("%s behind %v: got %s (%v), want a gap from there on", s.topic, s.at, message, err)
	}
	s.at.Offset, s.number = gap.To, -1
}

// read reads an event, which must be the next one.
func (s *stressed) read(message string) {
	s.t.Helper()
	e, err := event.Parse([]byte(message))
	if err != nil {
		s.t.Fatalf("got %.200s: %v", message, err)
	}
	_, id, isOne := strings.Cut(s.topic, ":")
	number, err := strconv.Atoi(string(e.Payload))
	switch {
	case err != nil || isOne && e.ID != id:
		s.t.Fatalf("%s behind %v: got %.200s", s.topic, s.at, message)
	case !isOne && e.Offset != s.at.Offset+1:
		s.t.Fatalf("%s behind %v: got offset %d, want the next one", s.topic, s.at, e.Offset)
	case isOne && (e.Offset <= s.at.Offset || s.number >= 0 && number != s.number+1):
		s.t.Fatalf("%s behind %v: got number %d at offset %d behind number %d, want the next one", s.topic, s.at, number, e.Offset, s.number)
	}
	s.at.Offset, s.number = e.Offset, number
}

// TestPromise12NothingIsLostNorComesTwiceWhileMuchGoesIn has goroutines dispatch into one stream as fast as they can.
func TestPromise12NothingIsLostNorComesTwiceWhileMuchGoesIn(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		cfg := keeping(engine, stream.History{Events: 1 << 17, Bytes: 1 << 28}, stream.CatchUp)
		cfg.Reactors = 2
		h := newTestHub(t, cfg)
		var over atomic.Bool
		var publishers sync.WaitGroup
		defer publishers.Wait()
		defer over.Store(true)
		for id := range stressPublishers {
			publishers.Go(func() {
				for number := 0; !over.Load(); number++ {
					h.hub.DispatchEvent(event.Event{Type: "price", ID: strconv.Itoa(id), Payload: strconv.AppendInt(nil, int64(number), 10)})
				}
			})
		}
		t.Run("clients", func(t *testing.T) {
			for i, topic := range []string{"price", "price:0", "price", "price:1"} {
				t.Run(fmt.Sprintf("%d of %s", i, topic), func(t *testing.T) {
					t.Parallel()
					s := &stressed{t: t, hub: h.hub, topic: topic}
					for range stressRounds {
						for visit := range stressVisits {
							s.visit(visit == 0)
						}
					}
				})
			}
		})
		h.checkLedger(h.hub.Stats())
	})
}
