package target_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/broker/inproc"
	"github.com/spokehub/spokehub/broker/nats"
	"github.com/spokehub/spokehub/broker/redis"
	"github.com/spokehub/spokehub/broker/target"
	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/event/targettest"
	"github.com/spokehub/spokehub/fanout/fanouttest"
	"github.com/spokehub/spokehub/internal/engines"
	"github.com/spokehub/spokehub/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, fanouttest.GoleakOptions()...) }

// patience bounds every wait for a condition.
const patience = time.Minute

var (
	byID    = []stream.Policy{{Match: "*", Interest: stream.ByID}}
	streams = []stream.Policy{{Match: "*", History: stream.History{Events: 100_000}}}
)

func open(t *testing.T, c target.Config) *target.Target {
	t.Helper()
	target, err := target.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := target.Close(); err != nil {
			t.Error(err)
		}
	})
	return target
}

// awaitUp waits until the engine of a target is there.
func awaitUp(t *testing.T, target *target.Target) {
	t.Helper()
	for deadline := time.Now().Add(patience); !target.State().Up; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("got the state %+v, want it up", target.State())
		}
	}
}

func settle(t *testing.T, target *target.Target) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := target.Settle(ctx); err != nil && t.Context().Err() == nil {
		t.Fatal(err)
	}
}

// conform runs the conformance test of targets: within one target, and between two.
func conform(t *testing.T, engine func(t *testing.T, cluster int) broker.Broker) {
	cluster := 0
	for name, policies := range map[string][]stream.Policy{"plain": nil, "plain by id": byID, "streams": streams} {
		t.Run(name, func(t *testing.T) {
			t.Run("one", func(t *testing.T) {
				targettest.Run(t, func(t *testing.T) targettest.Pair {
					cluster++
					one := open(t, target.Config{Broker: engine(t, cluster), Policies: policies})
					awaitUp(t, one)
					return targettest.Pair{Dispatch: one, Listen: one, Settle: func() { settle(t, one) }, Close: func() { _ = one.Close() }}
				})
			})
			t.Run("two", func(t *testing.T) {
				targettest.Run(t, func(t *testing.T) targettest.Pair {
					cluster++
					from := open(t, target.Config{Broker: engine(t, cluster), Policies: policies})
					to := open(t, target.Config{Broker: engine(t, cluster), Policies: policies})
					awaitUp(t, from)
					awaitUp(t, to)
					return targettest.Pair{Dispatch: from, Listen: to, Settle: func() { settle(t, to) }, Close: func() { _ = to.Close() }}
				})
			})
		})
	}
}

func TestTargetsConformInProcess(t *testing.T) {
	networks := map[int]*inproc.Network{}
	conform(t, func(_ *testing.T, cluster int) broker.Broker {
		if networks[cluster] == nil {
			networks[cluster] = inproc.New()
		}
		return networks[cluster].Engine()
	})
}

func TestTargetsConformOnNATS(t *testing.T) {
	server := engines.NATS(t, engines.NATSOptions{})
	conform(t, func(t *testing.T, cluster int) broker.Broker {
		engine, err := nats.New(nats.Config{URLs: []string{server.URL}, Prefix: fmt.Sprint("c", cluster)})
		if err != nil {
			t.Fatal(err)
		}
		return engine
	})
}

func TestTargetsConformOnRedis(t *testing.T) {
	server := engines.Redis(t, engines.RedisOptions{})
	conform(t, func(t *testing.T, cluster int) broker.Broker {
		engine, err := redis.New(redis.Config{URL: server.URL, Prefix: fmt.Sprint("c", cluster)})
		if err != nil {
			t.Fatal(err)
		}
		return engine
	})
}

// record collects what a target tells. mu guards lines.
type record struct {
	mu    sync.Mutex
	lines []string
}

func (r *record) add(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, line)
}

func (r *record) event(e event.Event) { r.add(fmt.Sprintf("%s:%s %s", e.Type, e.ID, e.Payload)) }

func (r *record) loss(l target.Loss) { r.add(fmt.Sprintf("loss %q %d", l.Type, l.Missed)) }

// expect waits for as many lines as are wanted, and compares.
func (r *record) expect(t *testing.T, want ...string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		r.mu.Lock()
		got := slices.Clone(r.lines)
		r.mu.Unlock()
		if len(got) >= len(want) || time.Now().After(deadline) {
			if !slices.Equal(got, want) {
				t.Fatalf("got %q, want %q", got, want)
			}
			return
		}
	}
}

// expectNow compares what has been told.
func (r *record) expectNow(t *testing.T, want ...string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Equal(r.lines, want) {
		t.Fatalf("got %q, want %q", r.lines, want)
	}
}

func publish(t *testing.T, from *target.Target, typ, id, payload string) target.Receipt {
	t.Helper()
	receipt, err := from.Publish(t.Context(), event.Event{Type: typ, ID: id, Payload: []byte(payload)})
	if err != nil {
		t.Fatal(err)
	}
	return receipt
}
