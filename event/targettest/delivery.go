package targettest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/spokehub/spokehub/event"
)

func anEventArrivesWhole(t *testing.T, p Pair) {
	h := newHeard()
	p.Listen.AddEventListener("order.created", h.listener("a"))
	p.settle()
	payload := `{"total": 12.50,"text":"a \"quoted\" <b> \u00e9 é","n":123456789012345678901234567890}`
	dispatch(t, p, event.Event{Type: "order.created", ID: "42 é:/", Payload: []byte(payload)})
	compare(t, h.await(t, 1), "a order.created|42 é:/|"+payload)
}

func noPayloadIsNull(t *testing.T, p Pair) {
	h := newHeard()
	p.Listen.AddEventListener("price", h.listener("a"))
	p.settle()
	dispatch(t, p, event.Event{Type: "price"})
	dispatch(t, p, event.Event{Type: "price", Payload: []byte{}})
	compare(t, h.await(t, 2), "a price||null", "a price||null")
}

func thePayloadIsNotKept(t *testing.T, p Pair) {
	h := newHeard()
	p.Listen.AddEventListener("price", h.listener("a"))
	p.settle()
	payload := []byte("1111")
	var want []string
	for range 20 {
		dispatch(t, p, event.Event{Type: "price", Payload: payload})
		want = append(want, fmt.Sprintf("a price||%s", payload))
		for i := range payload {
			payload[i] = '1' + (payload[i]-'1'+1)%9
		}
	}
	compare(t, h.await(t, len(want)), want...)
}

func topicsMatchByTypeAndByID(t *testing.T, p Pair) {
	h := newHeard()
	for _, topic := range []string{"price", "price:EURUSD", "price:a:b", "prices", "pric", "price:EUR"} {
		p.Listen.AddEventListener(topic, h.listener(topic))
	}
	done := expectEnd(p)
	for _, id := range []string{"EURUSD", "", "a:b", "other"} {
		dispatch(t, p, event.Event{Type: "price", ID: id, Payload: []byte("1")})
	}
	done.reached(t)
	got := h.all()
	slices.Sort(got)
	compare(t, got,
		"price price|EURUSD|1", "price price|a:b|1", "price price|other|1", "price price||1",
		"price:EURUSD price|EURUSD|1", "price:a:b price|a:b|1")
}

func aFunctionAddedTwiceIsTwoListeners(t *testing.T, p Pair) {
	h := newHeard()
	f := h.listener("f")
	removeFirst := p.Listen.AddEventListener("price", f)
	p.Listen.AddEventListener("price", f)
	done := expectEnd(p)
	dispatch(t, p, number("price", 1))
	h.await(t, 2)
	removeFirst()
	removeFirst()
	p.settle()
	dispatch(t, p, number("price", 2))
	done.reached(t)
	compare(t, h.all(), "f price||1", "f price||1", "f price||2")
}

func eventsOfOneDispatcherKeepTheirOrder(t *testing.T, p Pair) {
	const events = 1000
	h := newHeard()
	p.Listen.AddEventListener("a", h.listener(""))
	p.Listen.AddEventListener("b:1", h.listener(""))
	p.settle()
	var want []string
	for i := range events {
		e := number("a", i)
		if i%3 == 0 {
			e = event.Event{Type: "b", ID: "1", Payload: fmt.Append(nil, i)}
		}
		want = append(want, " "+line(e))
		dispatch(t, p, e)
		if i%32 == 31 {
			h.await(t, i-31)
		}
	}
	compare(t, h.await(t, events), want...)
}

func eventsOfEachDispatcherKeepTheirOrder(t *testing.T, p Pair) {
	const dispatchers, events = 4, 200
	h := newHeard()
	p.Listen.AddEventListener("price", h.listener(""))
	p.settle()
	var started sync.WaitGroup
	for d := range dispatchers {
		started.Go(func() {
			for i := range events {
				if !p.Dispatch.DispatchEvent(event.Event{Type: "price", ID: fmt.Sprint(d), Payload: fmt.Append(nil, i)}) {
					t.Errorf("DispatchEvent of event %d of dispatcher %d = false, want true", i, d)
				}
				if i%16 == 15 {
					h.await(t, i-15)
				}
			}
		})
	}
	started.Wait()
	got := h.await(t, dispatchers*events)
	for d := range dispatchers {
		var of, want []string
		for _, l := range got {
			if strings.HasPrefix(l, fmt.Sprintf(" price|%d|", d)) {
				of = append(of, l)
			}
		}
		for i := range events {
			want = append(want, fmt.Sprintf(" price|%d|%d", d, i))
		}
		compare(t, of, want...)
	}
}

func anInvalidEventReachesNobody(t *testing.T, p Pair) {
	h := newHeard()
	p.Listen.AddEventListener("price", h.listener("a"))
	done := expectEnd(p)
	for _, e := range []event.Event{
		{}, {Type: "__subscribe"}, {Type: "price:1"}, {Type: "price", ID: "\x00"},
		{Type: "price", Payload: []byte(`{"a":1,"a":2}`)}, {Type: "price", Payload: []byte("1 2")},
	} {
		p.Dispatch.DispatchEvent(e)
	}
	done.reached(t)
	compare(t, h.all())
}

func anInvalidTopicPanics(t *testing.T, p Pair) {
	for name, add := range map[string]func(){
		"an empty topic":          func() { p.Listen.AddEventListener("", func(event.Event) {}) },
		"a reserved type":         func() { p.Listen.AddEventListener("__ack", func(event.Event) {}) },
		"a colon and no id":       func() { p.Listen.AddEventListener("price:", func(event.Event) {}) },
		"no listener":             func() { p.Listen.AddEventListener("price", nil) },
		"a topic that's no UTF-8": func() { p.Listen.AddEventListener("\xff", func(event.Event) {}) },
	} {
		if !panics(add) {
			t.Errorf("AddEventListener with %s returned, want a panic", name)
		}
	}
}

func panics(f func()) (panicked bool) {
	defer func() { panicked = recover() != nil }()
	f()
	return
}
