package fanout

import "testing"

func TestReactorsAreAllOrNone(t *testing.T) {
	h := newHubOf(t, 3)
	if got := len(h.Reactors()); got != 3 {
		t.Errorf("got %d reactors, want 3", got)
	}
	h.loops[0].reactor.Stop()
	if got := h.Reactors(); len(got) != 0 {
		t.Errorf("got %+v of reactors of which the first has ended, want none: each would stand in the place of the one before", got)
	}
}
