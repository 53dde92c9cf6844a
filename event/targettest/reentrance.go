package targettest

import (
	"fmt"
	"sync"
	"testing"

	"github.com/spokehub/spokehub/event"
)

func aRemovedListenerHearsNothing(t *testing.T, p Pair) {
	h := newHeard()
	remove := p.Listen.AddEventListener("price", h.listener("a"))
	p.Listen.AddEventListener("price", h.listener("b"))
	removeOther := p.Listen.AddEventListener("price:1", h.listener("c"))
	done := expectEnd(p)
	remove()
	remove()
	removeOther()
	p.settle()
	dispatch(t, p, event.Event{Type: "price", ID: "1", Payload: []byte("1")})
	done.reached(t)
	compare(t, h.all(), "b price|1|1")
}

func aListenerRemovesItself(t *testing.T, p Pair) {
	h := newHeard()
	removal := make(chan func(), 1)
	removal <- p.Listen.AddEventListener("price", func(e event.Event) {
		h.add(line(e))
		remove := <-removal
		removal <- remove
		remove()
	})
	done := expectEnd(p)
	for i := range 5 {
		dispatch(t, p, number("price", i))
	}
	done.reached(t)
	compare(t, h.all(), "price||0")
}

func aListenerRemovesAnother(t *testing.T, p Pair) {
	h := newHeard()
	removal := make(chan func(), 1)
	p.Listen.AddEventListener("price", func(e event.Event) {
		h.add("first " + line(e))
		select {
		case remove := <-removal:
			remove()
		default:
		}
	})
	removal <- p.Listen.AddEventListener("price:1", h.listener("second"))
	done := expectEnd(p)
	for i := range 3 {
		dispatch(t, p, event.Event{Type: "price", ID: "1", Payload: fmt.Append(nil, i)})
	}
	done.reached(t)
	compare(t, h.all(), "first price|1|0", "first price|1|1", "first price|1|2")
}

func aListenerAddsAnother(t *testing.T, p Pair) {
	h := newHeard()
	var once sync.Once
	added := make(chan struct{})
	p.Listen.AddEventListener("price", func(e event.Event) {
		h.add("first " + line(e))
		once.Do(func() {
			p.Listen.AddEventListener("order", h.listener("second"))
			close(added)
		})
	})
	done := expectEnd(p)
	dispatch(t, p, number("price", 1))
	<-added
	p.settle()
	dispatch(t, p, number("order", 2))
	dispatch(t, p, number("price", 3))
	done.reached(t)
	compare(t, h.all(), "first price||1", "second order||2", "first price||3")
}

func aListenerDispatches(t *testing.T, p Pair) {
	h := newHeard()
	p.Listen.AddEventListener("price", func(e event.Event) {
		h.add(line(e))
		p.Dispatch.DispatchEvent(event.Event{Type: "echo", Payload: e.Payload})
	})
	p.Listen.AddEventListener("echo", h.listener("heard"))
	p.settle()
	for i := range 3 {
		dispatch(t, p, number("price", i))
		h.await(t, 2*(i+1))
	}
	compare(t, h.all(), "price||0", "heard echo||0", "price||1", "heard echo||1", "price||2", "heard echo||2")
}

func aPanicHarmsNobodyElse(t *testing.T, p Pair) {
	h := newHeard()
	p.Listen.AddEventListener("price", func(event.Event) { panic("planted by targettest") })
	p.Listen.AddEventListener("price", h.listener("b"))
	p.settle()
	dispatch(t, p, number("price", 1))
	dispatch(t, p, number("price", 2))
	compare(t, h.await(t, 2), "b price||1", "b price||2")
}

func allMethodsAtOnce(t *testing.T, p Pair) {
	const goroutines, rounds = 8, 50
	var running sync.WaitGroup
	for g := range goroutines {
		running.Go(func() {
			for i := range rounds {
				remove := p.Listen.AddEventListener(fmt.Sprintf("price:%d", i%3), func(e event.Event) {})
				p.Dispatch.DispatchEvent(event.Event{Type: "price", ID: fmt.Sprint(i % 3), Payload: fmt.Append(nil, g)})
				remove()
			}
		})
	}
	running.Wait()
	h := newHeard()
	p.Listen.AddEventListener("price:1", h.listener("a"))
	p.settle()
	dispatch(t, p, event.Event{Type: "price", ID: "1", Payload: []byte(`"last"`)})
	for !contains(h.await(t, 1), `a price|1|"last"`) {
		<-h.more
	}
}

func contains(lines []string, want string) bool {
	for _, l := range lines {
		if l == want {
			return true
		}
	}
	return false
}

func nothingIsHeardAfterTheEnd(t *testing.T, p Pair) {
	if p.Close == nil {
		t.Skip("the pair has no Close")
	}
	h := newHeard()
	remove := p.Listen.AddEventListener("price", h.listener("a"))
	p.settle()
	dispatch(t, p, number("price", 1))
	h.await(t, 1)
	p.Close()
	p.Dispatch.DispatchEvent(number("price", 2))
	p.Listen.DispatchEvent(number("price", 3))
	p.Listen.AddEventListener("price", h.listener("b"))()
	p.Listen.AddEventListener("price", h.listener("c"))
	p.Dispatch.DispatchEvent(number("price", 4))
	remove()
	compare(t, h.all(), "a price||1")
}

func aListenerEndsTheTarget(t *testing.T, p Pair) {
	if p.Close == nil {
		t.Skip("the pair has no Close")
	}
	h := newHeard()
	ended := make(chan struct{})
	var once sync.Once
	p.Listen.AddEventListener("price", func(e event.Event) {
		h.add(line(e))
		once.Do(func() {
			p.Close()
			close(ended)
		})
	})
	p.Listen.AddEventListener("price", h.listener("behind"))
	p.settle()
	dispatch(t, p, number("price", 1))
	<-ended
	p.Dispatch.DispatchEvent(number("price", 2))
	if got := h.all(); len(got) > 1 {
		t.Errorf("heard %q, want only the event whose listener ended the target", got)
	}
}
