package fanout_test

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/broker/inproc"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/fanout/fanouttest"
)

// piped connects a client in full control of its bytes through memory.
func piped(t *testing.T, h *fanouttest.Hub) (*client, *fanout.Spoke) {
	t.Helper()
	here, there := net.Pipe()
	spoke, err := h.AddConnection(there)
	if err != nil {
		t.Fatal(err)
	}
	return newClient(t, here), spoke
}

// TestSpokesThatEndWhileTheyWaitForTheBrokerLeaveNothing has them end in each way, at a hub without callbacks, for which nothing is to be told of them.
func TestSpokesThatEndWhileTheyWaitForTheBrokerLeaveNothing(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, h *fanouttest.Hub, c *client, s *fanout.Spoke){
		"cut": func(_ *testing.T, _ *fanouttest.Hub, c *client, _ *fanout.Spoke) { c.conn.Close() },
		"closing": func(_ *testing.T, _ *fanouttest.Hub, c *client, s *fanout.Spoke) {
			s.Close(fanout.CodeNormal, "")
			c.closing()
			c.conn.Close()
		},
		"removed": func(t *testing.T, h *fanouttest.Hub, _ *client, s *fanout.Spoke) {
			conn, err := h.RemoveConnection(s.Conn())
			if err != nil {
				t.Fatal(err)
			}
			conn.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const spokes = 50
				h, engine, _ := member(t, inproc.New(), fanout.Config{Reactors: 1})
				time.Sleep(time.Second)
				engine.SetFaults(inproc.Faults{Delay: time.Hour})
				for i := range spokes {
					c, s := piped(t, h)
					c.text(fmt.Sprintf(`{"type":"__subscribe","id":"1","payload":{"topics":["order","price","user:%d"]}}`, i))
					synctest.Wait()
					if got := h.Stats().CallbacksPending; got != 1 {
						t.Fatalf("got %d inboxes in which something waits, want that of the last spoke", got)
					}
					end(t, h, c, s)
					synctest.Wait()
				}
				if st := h.Stats(); st.CallbacksPending != 0 || st.Memory.Inboxes != 0 || st.Connections != 0 {
					t.Errorf("got %d inboxes of %d bytes and %d connections, want none", st.CallbacksPending, st.Memory.Inboxes, st.Connections)
				}
				engine.SetFaults(inproc.Faults{})
				time.Sleep(time.Minute)
				if st := h.Stats(); st.BrokerKeys != 0 || st.Memory.Broker != 0 {
					t.Errorf("got %d keys that the broker is asked for and %d bytes, want none", st.BrokerKeys, st.Memory.Broker)
				}
			})
		})
	}
}

// TestPlainTopicsGoOnThoughTheBrokerIsBackAtOnce has the loop look only when the broker is there again, and has yet to be asked.
func TestPlainTopicsGoOnThoughTheBrokerIsBackAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := inproc.New()
		h, engine, _ := member(t, network, fanout.Config{Reactors: 1})
		other, _, _ := member(t, network, fanout.Config{})
		time.Sleep(time.Second)
		engine.SetFaults(inproc.Faults{Delay: 3 * time.Second})
		c, s := piped(t, h)
		c.text(`{"type":"__subscribe","id":"1","payload":{"topic":"order"}}`)
		synctest.Wait()
		goOn := make(chan struct{})
		go fanout.OnLoop(s, func() { <-goOn })
		synctest.Wait()
		engine.Cut()
		engine.Heal()
		synctest.Wait()
		close(goOn)
		c.wants(`{"type":"__ack","id":"1","payload":{"topics":["order"]}}`)
		other.DispatchEvent(eventOf("order", "", 1))
		c.wants(plainGapOf("order"))
		engine.SetFaults(inproc.Faults{})
		other.DispatchEvent(eventOf("order", "", 2))
		c.wants(`{"type":"order","id":"","payload":2}`)
	})
}

// slowEngine takes its time for each key that it is asked for.
type slowEngine struct {
	*inproc.Engine
	perKey atomic.Int64
}

// Subscribe subscribes once that time is over.
func (e *slowEngine) Subscribe(ctx context.Context, keys ...broker.Key) error {
	select {
	case <-time.After(time.Duration(e.perKey.Load() * int64(len(keys)))):
	case <-ctx.Done():
	}
	return e.Engine.Subscribe(ctx, keys...)
}

// TestASubscriptionDoesNotWaitForAllIDsOfAType has very many ids be asked for because nobody wants the whole type any more.
func TestASubscriptionDoesNotWaitForAllIDsOfAType(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := &slowEngine{Engine: inproc.New().Engine()}
		h := fanouttest.New(t, fanout.Config{Broker: engine, Policies: clusterPolicies, MaxTopics: 1 << 20})
		awaitBroker(t, h, true)
		h.Patience = time.Minute
		whole, single, late := h.Connect(), h.Connect(), h.Connect()
		whole.Subscribe("user")
		ids := make([]string, 14_000)
		for i := range ids {
			ids[i] = fmt.Sprint("user:", i)
		}
		if err := single.Spoke().Subscribe(ids...); err != nil {
			t.Fatal(err)
		}
		engine.perKey.Store(int64(500 * time.Microsecond))
		whole.Unsubscribe("user")
		time.Sleep(2600 * time.Millisecond)
		late.Subscribe("order")
	})
}

func TestASubscriptionDoesNotWaitForTheBrokerOfAHubThatHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _, _ := member(t, inproc.New(), fanout.Config{})
		c := h.Connect()
		spoke := c.Spoke()
		_ = h.Shutdown(context.Background())
		before := time.Now()
		if err := spoke.Subscribe("order"); err == nil {
			t.Error("got no error of a hub that has ended")
		}
		if took := time.Since(before); took > 0 {
			t.Errorf("got %v of the bubble's time until then, want none", took)
		}
	})
}
