package brokertest

import (
	"fmt"
	"sync"
	"testing"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
)

func neighboursHearNothing(t *testing.T, c Config) {
	if c.Neighbours == nil {
		t.Skip("the configuration has no two clusters that share a server")
	}
	first, second := c.Neighbours(t)
	hubs := []*hub{start(t, first), start(t, second)}
	for _, h := range hubs {
		h.await(t, "Up", func(k *known) bool { return k.ups > 0 })
		h.subscribe(t, plain("price", ""), plain("user", "7"), control("hubs"), ofStream("order"))
	}
	policy := keepAll()
	for i, h := range hubs {
		name := fmt.Sprint("cluster ", i)
		list := []*broker.Append{{Policy: policy, Type: "order", Key: "same", Data: message(name)}, {Policy: policy, Type: "order", Data: message(name)}}
		h.append(t, list...)
		if list[0].Position.Offset != 1 || list[0].Repeated || list[1].Position.Offset != 2 {
			t.Errorf("%s: got the offsets %d, %d, repeated %v, want 1, 2 in a stream of its own", name, list[0].Position.Offset, list[1].Position.Offset, list[0].Repeated)
		}
		for _, key := range []broker.Key{plain("price", ""), plain("user", "7"), control("hubs")} {
			h.publish(t, key, name)
		}
	}
	for i, h := range hubs {
		for _, d := range h.deliveries(t, 5) {
			if want := fmt.Sprint("cluster ", i); text(d.Data) != want {
				t.Errorf("%s: got a message of %s", want, text(d.Data))
			}
		}
		if page := h.read(t, broker.Query{Policy: policy, Type: "order", Events: 10}); page.Top != 2 {
			t.Errorf("cluster %d: got the top %d, want 2", i, page.Top)
		}
	}
}

func allMethodsAtOnce(t *testing.T, c Config) {
	const rounds = 100
	hubs := open(t, c, 2)
	policy := keepAll()
	hubs[0].subscribe(t, ofStream("all"), plain("all", ""))
	var running sync.WaitGroup
	work := func(do func(i int) error) {
		running.Go(func() {
			for i := range rounds {
				if err := do(i); err != nil {
					t.Errorf("round %d: %v", i, err)
					return
				}
			}
		})
	}
	for n, h := range hubs {
		for worker := range 2 {
			name := fmt.Sprintf("%d.%d", n, worker)
			work(func(i int) error {
				key := plain(name, fmt.Sprint(i))
				if err := h.Subscribe(t.Context(), key, plain(fmt.Sprint(name, " ", i%5), ""), ofStream(fmt.Sprint("s", i%5))); err != nil {
					return err
				}
				return h.Unsubscribe(t.Context(), key)
			})
			work(func(i int) error {
				return h.Publish(t.Context(), []broker.Message{{Key: plain(name, fmt.Sprint(i)), Data: message(name)}, {Key: plain("all", ""), Data: message(name)}})
			})
			work(func(i int) error {
				a := &broker.Append{Policy: policy, Type: "all", ID: fmt.Sprint(i), Key: fmt.Sprint(name, " ", i/2), Data: message(name)}
				h.Append(t.Context(), []*broker.Append{a})
				if a.Err == nil && a.Repeated != (i%2 == 1) {
					return fmt.Errorf("got repeated %v of append %d of two with each key", a.Repeated, i%2+1)
				}
				return a.Err
			})
			work(func(i int) error {
				_, err := h.Read(t.Context(), broker.Query{Policy: policy, Type: "all", After: uint64(i), Events: 10})
				return err
			})
			work(func(int) error {
				_, err := h.Tops(t.Context(), nil, "all", "s1")
				return err
			})
		}
	}
	running.Wait()
	if t.Failed() {
		return
	}
	const events = 2 * 2 * rounds / 2
	hubs[0].await(t, "all that was sent", func(k *known) bool {
		var ofType, ofStream int
		for i := range k.deliveries {
			switch d := &k.deliveries[i]; {
			case d.Kind == broker.Stream:
				ofStream++
			case !d.ByID:
				ofType++
			}
		}
		return ofStream >= events && ofType >= 4*rounds
	})
	next := uint64(0)
	for _, d := range hubs[0].deliveries(t, 0) {
		if d.Kind != broker.Stream {
			continue
		}
		if next++; d.Position.Offset != next {
			t.Fatalf("got offset %d in place of %d", d.Position.Offset, next)
		}
	}
	if tops, err := hubs[1].Tops(bounded(t), []event.Position(nil), "all"); err != nil || tops[0].Offset != events || next != events {
		t.Errorf("got the tops %v, %v and %d events delivered, want %d", tops, err, next, events)
	}
}
