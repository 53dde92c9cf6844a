package inproc

import (
	"context"
	"errors"
	"testing"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/stream"
)

func TestAnEngineThatWasClosedDoesNotStart(t *testing.T) {
	e := New().Engine()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := e.Start(nil); !errors.Is(err, broker.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}

func TestAnAppendSaysNothingOfTheOneBefore(t *testing.T) {
	e := New().Engine()
	a := &broker.Append{Policy: &stream.Policy{Match: "price", History: stream.History{Events: 9}}, Type: "price", Key: "k", Data: []byte("1")}
	for range 2 {
		e.Append(context.Background(), []*broker.Append{a})
	}
	if !a.Repeated || a.Position.Offset != 1 {
		t.Fatalf("got %+v, want a repeat of the first", a)
	}
	a.Key = "another"
	e.Append(context.Background(), []*broker.Append{a})
	if a.Repeated || a.Position.Offset != 2 {
		t.Errorf("got %+v, want the second", a)
	}
	e.Cut()
	e.Append(context.Background(), []*broker.Append{a})
	if a.Err == nil || a.Position != (event.Position{}) {
		t.Errorf("got %+v, want an error and no position", a)
	}
}
