package brokertest_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/broker/brokertest"
	"github.com/spokehub/spokehub/broker/inproc"
	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/stream"
)

// planted names the environment variable that says which defect TestPlantedDefect runs with.
const planted = "BROKERTEST_PLANTED"

// defective is an engine with a defect in what it delivers or does. A nil function is what an inproc.Engine does.
type defective struct {
	*inproc.Engine
	deliver   func(d broker.Delivery, next func(broker.Delivery))
	subscribe func(e *inproc.Engine, keys []broker.Key) []broker.Key
	publish   func(messages []broker.Message) []broker.Message
	append    func(e *inproc.Engine, events []*broker.Append)
	page      func(q *broker.Query, p *broker.Page)
	// bytes are History.Bytes in place of those of policies.
	bytes int64
}

// policy is that of a test as the engine takes it.
func (d *defective) policy(of *stream.Policy) *stream.Policy {
	changed := *of
	if d.bytes > 0 {
		changed.History.Bytes = d.bytes
	}
	return &changed
}

func (d *defective) Start(s broker.Sink) error { return d.Engine.Start(&tap{s, d.deliver}) }

func (d *defective) Subscribe(ctx context.Context, keys ...broker.Key) error {
	if d.subscribe != nil {
		keys = d.subscribe(d.Engine, slices.Clone(keys))
	}
	return d.Engine.Subscribe(ctx, keys...)
}

func (d *defective) Publish(ctx context.Context, messages []broker.Message) error {
	if d.publish != nil {
		messages = d.publish(slices.Clone(messages))
	}
	return d.Engine.Publish(ctx, messages)
}

func (d *defective) Append(ctx context.Context, events []*broker.Append) {
	if d.append != nil {
		d.append(d.Engine, events)
	}
	for _, e := range events {
		e.Policy = d.policy(e.Policy)
	}
	d.Engine.Append(ctx, events)
}

func (d *defective) Read(ctx context.Context, q broker.Query) (broker.Page, error) {
	q.Policy = d.policy(q.Policy)
	p, err := d.Engine.Read(ctx, q)
	if d.page != nil && err == nil {
		d.page(&q, &p)
	}
	return p, err
}

// tap changes what a sink is told.
type tap struct {
	broker.Sink
	deliver func(d broker.Delivery, next func(broker.Delivery))
}

func (s *tap) Deliver(d broker.Delivery) {
	if s.deliver == nil {
		s.Sink.Deliver(d)
		return
	}
	s.deliver(d, s.Sink.Deliver)
}

// renamed has keys be taken for others.
func renamed(rename func(string) string) func() *defective {
	return func() *defective {
		return &defective{
			subscribe: func(_ *inproc.Engine, keys []broker.Key) []broker.Key {
				for i := range keys {
					keys[i].Type, keys[i].ID = rename(keys[i].Type), rename(keys[i].ID)
				}
				return keys
			},
			publish: func(messages []broker.Message) []broker.Message {
				for i := range messages {
					messages[i].Key.Type, messages[i].Key.ID = rename(messages[i].Key.Type), rename(messages[i].Key.ID)
				}
				return messages
			},
		}
	}
}

// delivering is an engine that changes what it delivers.
func delivering(change func(d *broker.Delivery)) func() *defective {
	return func() *defective {
		return &defective{deliver: func(d broker.Delivery, next func(broker.Delivery)) {
			change(&d)
			next(d)
		}}
	}
}

// reading is an engine that changes pages.
func reading(change func(q *broker.Query, p *broker.Page)) func() *defective {
	return func() *defective { return &defective{page: change} }
}

// defects are engines that break a promise, by the test that has to find it.
var defects = map[string]func() *defective{
	"ASubscriptionIsInForceOnReturn": func() *defective {
		return &defective{subscribe: func(e *inproc.Engine, keys []broker.Key) []broker.Key {
			time.AfterFunc(50*time.Millisecond, func() { _ = e.Subscribe(context.Background(), keys...) })
			return nil
		}}
	},
	"MessagesOfAKeyKeepTheirOrder": func() *defective {
		return &defective{publish: func(messages []broker.Message) []broker.Message {
			slices.Reverse(messages)
			return messages
		}}
	},
	"TypesAndIDsGetWhatTheyAskFor": delivering(func(d *broker.Delivery) { d.ByID = false }),
	"ControlMessagesSayTheirName":  delivering(func(d *broker.Delivery) { d.Name = strings.ToLower(d.Name) }),
	"UnsubscribeEndsASubscription": func() *defective {
		return &defective{deliver: func(d broker.Delivery, next func(broker.Delivery)) {
			if d.ByID {
				another := d
				another.Data = broker.AppendHeader(nil, broker.Header{})
				next(another)
			}
			next(d)
		}}
	},
	"SubscribingTwiceIsSubscribingOnce": func() *defective {
		return &defective{deliver: func(d broker.Delivery, next func(broker.Delivery)) {
			next(d)
			next(d)
		}}
	},
	"AnyNameIsAKey":          renamed(func(name string) string { return strings.ReplaceAll(name, ".", "%2E") }),
	"MessagesPassUnchanged":  delivering(func(d *broker.Delivery) { d.Data = bytes.TrimRight(d.Data, "\r\n") }),
	"OffsetsAreDenseFromOne": delivering(func(d *broker.Delivery) { d.Position.Offset *= 2 }),
	"AllSeeOneOrder": delivering(func(d *broker.Delivery) {
		if d.Position.Offset == 100 {
			d.Position.Offset = 99
		}
	}),
	"AKeyAppendsOnce": func() *defective {
		return &defective{append: func(_ *inproc.Engine, events []*broker.Append) {
			for _, e := range events {
				e.Key = strings.ToLower(e.Key)
			}
		}}
	},
	"EventsTrimsTheOldest": reading(func(_ *broker.Query, p *broker.Page) { p.First = 1 }),
	"TheNewestOfEachIDSurvives": reading(func(q *broker.Query, p *broker.Page) {
		p.Entries = p.Entries[:min(len(p.Entries), map[bool]int{true: 0, false: 1000}[q.Survivors])]
	}),
	"BytesTrimsTheOldestSurvivors":     func() *defective { return &defective{bytes: 1 << 30} },
	"APageIsWhatWasAskedFor":           reading(func(_ *broker.Query, p *broker.Page) { p.Top++ }),
	"PagesOfAnEmptyStream":             reading(func(_ *broker.Query, p *broker.Page) { p.First = p.Top }),
	"PagesOfATrimmedStream":            reading(func(q *broker.Query, p *broker.Page) { p.First = max(p.First, q.After+1) }),
	"AStreamBeginsUnderItsSubscribers": delivering(func(d *broker.Delivery) { d.Position = event.Position{Epoch: "other", Offset: d.Position.Offset} }),
}

// TestEachPlantedDefectIsFound runs this test binary again for each defect and wants the test of its promise to fail.
func TestEachPlantedDefectIsFound(t *testing.T) {
	for name := range defects {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := exec.Command(os.Args[0], "-test.run", "^TestPlantedDefect$/^"+name+"$", "-test.v", "-test.timeout", "50s")
			run.Env = append(os.Environ(), planted+"="+name)
			out, err := run.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: TestPlantedDefect/"+name) {
				t.Errorf("the defect was not found (%v):\n%s", err, out)
			}
		})
	}
}

// TestPlantedDefect is what TestEachPlantedDefectIsFound runs.
func TestPlantedDefect(t *testing.T) {
	defect := defects[os.Getenv(planted)]
	if defect == nil {
		t.Skip("run by TestEachPlantedDefectIsFound, with " + planted)
	}
	brokertest.SetPatience(3 * time.Second)
	brokertest.Run(t, brokertest.Config{Engines: func(_ *testing.T, n int) []broker.Broker {
		network := inproc.New()
		engines := make([]broker.Broker, n)
		for i := range engines {
			d := defect()
			d.Engine = network.Engine()
			engines[i] = d
		}
		return engines
	}})
}
