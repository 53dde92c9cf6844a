package fanout_test

import (
	"context"
	"testing"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/broker/inproc"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/stream"
)

// tappedEngine is an engine whose sink the test calls, and that publishes to nobody.
type tappedEngine struct {
	*inproc.Engine
	sink broker.Sink
	// held keeps Publish waiting until it is closed, if it is not nil: what a batch costs is then no part of what its events cost.
	held chan struct{}
}

func (e *tappedEngine) Start(s broker.Sink) error {
	e.sink = s
	return e.Engine.Start(s)
}

func (e *tappedEngine) Publish(ctx context.Context, _ []broker.Message) error {
	if e.held != nil {
		select {
		case <-e.held:
		case <-ctx.Done():
		}
	}
	return nil
}

func newTappedHub(t *testing.T) (*fanout.Hub, *tappedEngine) {
	engine := &tappedEngine{Engine: inproc.New().Engine()}
	hub := bare(t, fanout.Config{Reactors: 1, Broker: engine, Policies: []stream.Policy{
		{Match: "price", History: stream.History{Events: 100}}, {Match: "user", Interest: stream.ByID},
	}})
	awaitBroker(t, hub, true)
	return hub, engine
}
