package spoke

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/spokehub/spokehub/event"
)

// shownItems empties a buffer.
func shownItems(b *buffer) (all []string) {
	for {
		e, ok, err := b.take()
		switch {
		case !ok:
			return all
		case errors.Is(err, ErrSlowReader):
			return append(all, "full")
		case err == nil:
			all = append(all, fmt.Sprint(e.Offset))
			continue
		}
		if gap, is := errors.AsType[*GapError](err); is {
			all = append(all, fmt.Sprintf("gap %d-%d %d", gap.Gap.From, gap.Gap.To, gap.Gap.Missed))
		}
		if dropped, is := errors.AsType[*DroppedError](err); is {
			all = append(all, fmt.Sprint("dropped ", dropped.Count))
		}
	}
}

// TestAFullBufferKeepsItsGaps has buffers of three items.
func TestAFullBufferKeepsItsGaps(t *testing.T) {
	gap := func(from, to uint64, missed int64) item {
		return item{gap: &event.Gap{Topic: "price", Epoch: "x7", From: from, To: to, Missed: missed, Reason: event.GapSlow}}
	}
	of := func(offset uint64) item { return item{event: event.Event{Offset: offset}} }
	for name, c := range map[string]struct {
		whenFull WhenFull
		items    []item
		want     []string
	}{
		"a gap stands in its place":        {DropOldest, []item{of(1), gap(2, 3, 2), of(4)}, []string{"1", "gap 2-3 2", "4"}},
		"dropped ones come first":          {DropOldest, []item{of(1), of(2), of(3), gap(4, 5, 2), of(6)}, []string{"dropped 2", "3", "gap 4-5 2", "6"}},
		"a dropped gap is told":            {DropOldest, []item{of(1), gap(2, 3, 2), of(4), of(5), of(6)}, []string{"dropped 1", "gap 2-3 2", "4", "5", "6"}},
		"several dropped ones are one":     {DropOldest, []item{gap(1, 2, 2), of(3), gap(4, 6, 3), of(7), of(8), of(9)}, []string{"dropped 1", "gap 1-6 5", "7", "8", "9"}},
		"unknown and known is unknown":     {DropOldest, []item{gap(1, 2, 2), gap(3, 0, -1), of(7), of(8), of(9)}, []string{"gap 0-0 -1", "7", "8", "9"}},
		"a gap ends a loop, as events do":  {EndWhenFull, []item{of(1), of(2), of(3), gap(4, 5, 2), of(6)}, []string{"1", "2", "3", "full"}},
		"a gap counts as one of the items": {EndWhenFull, []item{of(1), gap(2, 5, 4), of(6), of(7)}, []string{"1", "gap 2-5 4", "6", "full"}},
	} {
		b := &buffer{limit: 3, whenFull: c.whenFull, more: make(chan struct{}, 1)}
		for _, next := range c.items {
			b.put(next)
		}
		if got := shownItems(b); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
		if !b.isEmpty() && c.whenFull == DropOldest {
			t.Errorf("%s: something is left", name)
		}
	}
}

func TestGapErrorsSayWhatIsMissingAndWhatToDo(t *testing.T) {
	for want, g := range map[string]event.Gap{
		`spoke: "price": 9 events are missing (offsets 43 to 51): slow: this client read too slowly; do what takes long in another goroutine`:                                           {Topic: "price", Epoch: "x7", From: 43, To: 51, Missed: 9, Reason: event.GapSlow},
		`spoke: "price": 1 event is missing: broker: the hub was cut off from the other hubs, or their broker has lost events; read the current state where it is kept`:                 {Topic: "price", Missed: 1, Reason: event.GapBroker},
		`spoke: "price": an unknown number of events is missing: fresh: the stream has begun anew since, or the hub keeps nothing of the type; read the current state where it is kept`: {Topic: "price", Missed: -1, Reason: GapFresh},
		`spoke: "price": an unknown number of events is missing: later`:                                                                                                                 {Topic: "price", Missed: -1, Reason: "later"},
	} {
		if got := (&GapError{Gap: g}).Error(); got != want {
			t.Errorf("the error is %s, want %s", got, want)
		}
	}
}
