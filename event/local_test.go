package event_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/event/targettest"
)

func TestLocalKeepsThePromisesOfATarget(t *testing.T) {
	targettest.Run(t, func(*testing.T) targettest.Pair {
		local := &event.Local{OnPanic: func(any, []byte) {}}
		return targettest.Pair{Dispatch: local, Listen: local, Close: local.Close}
	})
}

func TestLocalTellsWhatAListenerPanickedWith(t *testing.T) {
	var got any
	local := &event.Local{OnPanic: func(value any, stack []byte) { got = value }}
	local.AddEventListener("price", func(event.Event) { panic("no quote") })
	local.DispatchEvent(event.Event{Type: "price"})
	if got != "no quote" {
		t.Errorf("OnPanic got %v, want no quote", got)
	}
}

func TestLocalTakesNoMoreThanItHasRoomFor(t *testing.T) {
	local := &event.Local{}
	heard, taken := 0, 0
	local.AddEventListener("price", func(event.Event) {
		heard++
		if heard > 1 {
			return
		}
		for local.DispatchEvent(event.Event{Type: "price", Payload: []byte("1")}) {
			taken++
		}
	})
	local.DispatchEvent(event.Event{Type: "price"})
	if taken != 65536 || heard != taken+1 {
		t.Errorf("took %d events and %d were heard, want 65536 and 65537", taken, heard)
	}
	if !local.DispatchEvent(event.Event{Type: "price"}) {
		t.Error("DispatchEvent = false once there is room again")
	}
}

func TestLocalGoesOnBehindAListenerThatEndsItsGoroutine(t *testing.T) {
	local := &event.Local{}
	heard := make(chan string, 3)
	local.AddEventListener("price", func(e event.Event) {
		heard <- string(e.Payload)
		if string(e.Payload) == "1" {
			local.DispatchEvent(event.Event{Type: "price", Payload: []byte("2")})
			runtime.Goexit()
		}
	})
	go local.DispatchEvent(event.Event{Type: "price", Payload: []byte("1")})
	if got := []string{<-heard, <-heard}; got[0] != "1" || got[1] != "2" {
		t.Errorf("heard %q, want 1 and 2", got)
	}
}

func ExampleLocal() {
	var target event.Local
	remove := target.AddEventListener("price:EURUSD", func(e event.Event) {
		fmt.Println(e.Type, e.ID, string(e.Payload))
	})
	target.DispatchEvent(event.Event{Type: "price", ID: "EURUSD", Payload: []byte("1.08")})
	target.DispatchEvent(event.Event{Type: "price", ID: "USDJPY", Payload: []byte("155.2")})
	remove()
	// Output: price EURUSD 1.08
}
