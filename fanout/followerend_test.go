package fanout_test

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/broker/inproc"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/fanout/fanouttest"
	"github.com/spokehub/spokehub/stream"
)

// unreadEngine counts the pages that are read, and gives none while it hasNoStreams.
type unreadEngine struct {
	*inproc.Engine
	hasNoStreams atomic.Bool
	reads        atomic.Int64
}

// Read fails while the engine has no streams.
func (e *unreadEngine) Read(ctx context.Context, q broker.Query) (broker.Page, error) {
	e.reads.Add(1)
	if e.hasNoStreams.Load() {
		return broker.Page{}, broker.ErrUnavailable
	}
	return e.Engine.Read(ctx, q)
}

// TestStreamsThatCouldNotBeReadAreGivenUpWhileTheBrokerIsAway has a client ask for very many streams, one after another.
func TestStreamsThatCouldNotBeReadAreGivenUpWhileTheBrokerIsAway(t *testing.T) {
	for name, fault := range map[string]struct{ begin, end func(*unreadEngine) }{
		"away":            {func(e *unreadEngine) { e.Cut() }, func(e *unreadEngine) { e.Heal() }},
		"without streams": {func(e *unreadEngine) { e.hasNoStreams.Store(true) }, func(e *unreadEngine) { e.hasNoStreams.Store(false) }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const rounds, each = 5, 500
				engine := &unreadEngine{Engine: inproc.New().Engine()}
				h := fanouttest.New(t, fanout.Config{Broker: engine, Policies: []stream.Policy{{Match: "*", History: stream.History{Events: 10}}}})
				awaitBroker(t, h, true)
				h.Patience = time.Hour
				c := h.Connect()
				fault.begin(engine)
				synctest.Wait()
				goroutines := runtime.NumGoroutine()
				for round := range rounds {
					topics := make([]string, each)
					for i := range topics {
						topics[i] = fmt.Sprintf("t%d-%d", round, i)
					}
					if rejected := c.TrySubscribe(topics...); len(rejected) != each {
						t.Fatalf("got %d topics rejected, want %d", len(rejected), each)
					}
				}
				time.Sleep(time.Second)
				if st := h.Stats(); st.BrokerStreams != rounds*each || st.Memory.Broker < rounds*each*4096 {
					t.Fatalf("got %d streams that are followed and %d bytes, want %d, each with its goroutine", st.BrokerStreams, st.Memory.Broker, rounds*each)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				if st := h.Stats(); st.BrokerStreams != 0 || st.BrokerKeys != 0 || st.Memory.Broker != 0 {
					t.Errorf("got %d streams that are followed, %d keys that the broker is asked for and %d bytes, want none", st.BrokerStreams, st.BrokerKeys, st.Memory.Broker)
				}
				if got := runtime.NumGoroutine(); got > goroutines+each/10 {
					t.Errorf("got %d goroutines, want about %d as before", got, goroutines)
				}
				before := engine.reads.Load()
				fault.end(engine)
				time.Sleep(time.Minute)
				c.Subscribe("t0-0", "t4-4")
				if got := engine.reads.Load() - before; got != 2 {
					t.Errorf("got %d reads since the broker is back, want one for each stream that is subscribed to", got)
				}
			})
		})
	}
}
