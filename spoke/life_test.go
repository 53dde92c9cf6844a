package spoke_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/spoke"
)

// cutter is a proxy whose connections can be cut.
type cutter struct {
	net.Listener
	mu    sync.Mutex
	conns map[net.Conn]bool
}

// startCutter starts a proxy in front of an address.
func startCutter(t *testing.T, target string) *cutter {
	p := &cutter{Listener: listenTCP(t), conns: map[net.Conn]bool{}}
	var all sync.WaitGroup
	t.Cleanup(func() {
		p.Close()
		p.cut(1)
		all.Wait()
	})
	all.Go(func() {
		for {
			in, err := p.Accept()
			if err != nil {
				return
			}
			all.Go(func() { p.serve(in, target) })
		}
	})
	return p
}

func (p *cutter) serve(in net.Conn, target string) {
	out, err := net.Dial("tcp", target)
	if err != nil {
		in.Close()
		return
	}
	p.mu.Lock()
	p.conns[in] = true
	p.mu.Unlock()
	pipe(in, out)
	p.mu.Lock()
	delete(p.conns, in)
	p.mu.Unlock()
}

// cut ends one in so many connections.
func (p *cutter) cut(oneIn int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		if rand.IntN(oneIn) == 0 {
			conn.Close()
		}
	}
}

// holder is a client that adds and removes listeners at random. Its goroutine owns it, but for what its listeners note.
type holder struct {
	*spoke.Client
	t       *testing.T
	random  *rand.Rand
	removes [lifeTopics][]func()
	// heard are how often the last events have come, by topic and sender.
	heard [lifeTopics][lifeClients]atomic.Int32
}

const lifeTopics, lifeClients = 12, 6

// hold adds a listener that checks that no event comes twice, and notes the last one.
func (h *holder) hold(topic int) {
	came := map[string]bool{}
	h.removes[topic] = append(h.removes[topic], h.AddEventListener(fmt.Sprint("t", topic), func(e event.Event) {
		var from, number int
		fmt.Sscanf(string(e.Payload), `"%d %d"`, &from, &number)
		if came[string(e.Payload)] {
			h.t.Errorf("event %s of t%d came twice", e.Payload, topic)
		}
		came[string(e.Payload)] = true
		if number < 0 {
			h.heard[topic][from].Add(1)
		}
	}))
}

// live does what clients do, at random.
func (h *holder) live(me int) {
	for step := range 400 {
		topic := h.random.IntN(lifeTopics)
		held := h.removes[topic]
		switch h.random.IntN(10) {
		case 0, 1, 2:
			h.hold(topic)
		case 3, 4, 5:
			if len(held) > 0 {
				held[len(held)-1]()
				h.removes[topic] = held[:len(held)-1]
			}
		case 6:
			if h.Subscribe(h.t.Context(), fmt.Sprint("t", topic)) == nil {
				h.Unsubscribe(fmt.Sprint("t", topic))
			}
		case 7:
			if h.random.IntN(20) == 0 {
				h.Reconnect()
			}
		default:
			h.DispatchEvent(event.Event{Type: fmt.Sprint("t", topic), Payload: fmt.Appendf(nil, `"%d %d"`, me, step)})
		}
	}
}

// TestALifeOfCutsEndsWithWhatIsHeld has clients subscribe, unsubscribe and publish at random while their connections are cut.
func TestALifeOfCutsEndsWithWhatIsHeld(t *testing.T) {
	hub, url := startHub(t, fanout.Config{Relay: true, MaxTopics: 5 * lifeTopics})
	proxy := startCutter(t, url[len("http://"):])
	var all [lifeClients]*holder
	for i := range all {
		client := dial(t, "ws://"+proxy.Addr().String(), spoke.Config{MaxTopics: 3})
		all[i] = &holder{Client: client, t: t, random: rand.New(rand.NewPCG(7, uint64(i)))}
	}
	var lives sync.WaitGroup
	for i, h := range all {
		lives.Go(func() { h.live(i) })
	}
	over := make(chan struct{})
	var cuts sync.WaitGroup
	cuts.Go(func() {
		for {
			select {
			case <-over:
				return
			case <-time.After(5 * time.Millisecond):
				proxy.cut(3)
			}
		}
	})
	lives.Wait()
	close(over)
	cuts.Wait()
	for _, h := range all {
		flushAll(t, h.Client)
	}
	deadline := time.Now().Add(patience)
	for topic := range lifeTopics {
		want := 0
		for _, h := range all {
			if len(h.removes[topic]) > 0 {
				want++
			}
		}
		for got := -1; got != want; got = len(hub.Members(fmt.Sprint("t", topic))) {
			if time.Now().After(deadline) {
				t.Fatalf("t%d has %d spokes at the hub, want %d", topic, got, want)
			}
			time.Sleep(time.Millisecond)
		}
	}
	for i, h := range all {
		for topic := range lifeTopics {
			if err := h.Publish(t.Context(), event.Event{Type: fmt.Sprint("t", topic), Payload: fmt.Appendf(nil, `"%d -1"`, i)}); err != nil {
				t.Error(err)
			}
		}
		flushAll(t, h.Client)
	}
	for i, h := range all {
		flushAll(t, h.Client)
		for topic := range lifeTopics {
			for from := range all {
				want := len(h.removes[topic])
				if from == i {
					want = 0
				}
				if got := int(h.heard[topic][from].Load()); got != want {
					t.Errorf("client %d heard the last event of %d on t%d %d times, with %d listeners", i, from, topic, got, want)
				}
			}
		}
	}
}

// flushAll flushes until a connection has not broken in between.
func flushAll(t *testing.T, client *spoke.Client) {
	t.Helper()
	for client.Flush(t.Context()) != nil {
		if t.Context().Err() != nil || client.Err() != nil {
			t.Fatalf("flush: %v", client.Err())
		}
	}
}
