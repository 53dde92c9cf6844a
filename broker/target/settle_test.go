package target_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/broker/inproc"
	"github.com/spokehub/spokehub/broker/target"
	"github.com/spokehub/spokehub/event"
)

// tardyEngine says that it is there a second after it answers.
type tardyEngine struct{ *inproc.Engine }

func (e *tardyEngine) Start(s broker.Sink) error { return e.Engine.Start(tardySink{s}) }

type tardySink struct{ broker.Sink }

func (s tardySink) Up() { time.AfterFunc(time.Second, s.Sink.Up) }

func TestWhoHasSettledCanPublish(t *testing.T) {
	for name, topics := range map[string][]string{"with listeners": {"order", "price"}, "without": nil} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				to := open(t, target.Config{Broker: &tardyEngine{inproc.New().Engine()}, Policies: mixed})
				for _, topic := range topics {
					to.AddEventListener(topic, func(event.Event) {})
				}
				early, cancel := context.WithTimeout(t.Context(), time.Second/2)
				defer cancel()
				if err := to.Settle(early); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v of Settle before the engine is there, want the error of the context", err)
				}
				settle(t, to)
				publish(t, to, "order", "", "1")
				publish(t, to, "price", "", "1")
			})
		})
	}
}
