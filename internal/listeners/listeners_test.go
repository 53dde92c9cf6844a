package listeners_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/spokehub/spokehub/internal/listeners"
)

// entry is a listener of the model.
type entry struct {
	topic  string
	name   int
	remove func()
}

// TestSetAgreesWithAPlainSlice adds and removes at random and compares what each event's listeners are with a slice.
func TestSetAgreesWithAPlainSlice(t *testing.T) {
	topics := []string{"price", "price:EURUSD", "price:a:b", "order"}
	events := [][2]string{{"price", ""}, {"price", "EURUSD"}, {"price", "a:b"}, {"order", "1"}, {"news", ""}}
	random := rand.New(rand.NewPCG(1, 2))
	var set listeners.Set[int]
	var model []entry
	for i := range 40 {
		topics = append(topics, fmt.Sprint("t", i))
		events = append(events, [2]string{topics[len(topics)-1], ""})
	}
	for step := range 5000 {
		if len(model) > 0 && random.IntN(2000) < 800+step%400 {
			at := random.IntN(len(model))
			model[at].remove()
			model[at].remove()
			model = slices.Delete(model, at, at+1)
		} else {
			topic := topics[random.IntN(len(topics))]
			model = append(model, entry{topic, step, set.Add(topic, step)})
		}
		for _, e := range events {
			compare(t, &set, model, e[0], e[1])
		}
	}
}

func compare(t *testing.T, set *listeners.Set[int], model []entry, typ, id string) {
	t.Helper()
	ofType, ofTypeAndID := set.Of(typ, id)
	var wantType, wantID []int
	for _, e := range model {
		if e.topic == typ {
			wantType = append(wantType, e.name)
		}
		if id != "" && e.topic == typ+":"+id {
			wantID = append(wantID, e.name)
		}
	}
	got, want := fmt.Sprint(names(ofType), names(ofTypeAndID)), fmt.Sprint(wantType, wantID)
	if got != want {
		t.Fatalf("listeners of %q, %q: got %s, want %s", typ, id, got, want)
	}
	if got, want := set.Hear([]byte(typ), []byte(id)), len(wantType)+len(wantID) > 0; got != want {
		t.Fatalf("Hear(%q, %q) = %v, want %v", typ, id, got, want)
	}
}

func names(found []*listeners.Listener[int]) []int {
	var names []int
	for _, l := range found {
		names = append(names, l.Call)
	}
	return names
}

func TestRemovedIsKnownToWhoHasTheListenerAlready(t *testing.T) {
	var set listeners.Set[func()]
	remove := set.Add("price", func() {})
	found, _ := set.Of("price", "")
	if found[0].Removed() {
		t.Error("Removed() = true ahead of remove")
	}
	remove()
	if !found[0].Removed() {
		t.Error("Removed() = false behind remove")
	}
}

// TestAChangeCostsTheSameHoweverManyTopicsThereAre compares what changes allocate.
func TestAChangeCostsTheSameHoweverManyTopicsThereAre(t *testing.T) {
	var set listeners.Set[func()]
	perChange := func() uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for i := range 100 {
			set.Add(fmt.Sprint("price:x", i), func() {})()
		}
		runtime.ReadMemStats(&after)
		return (after.TotalAlloc - before.TotalAlloc) / 200
	}
	few := perChange()
	for i := range 20_000 {
		set.Add(fmt.Sprint("price:", i), func() {})
	}
	if many := perChange(); many > few+8<<10 {
		t.Errorf("a change allocates %d bytes with 20,000 topics and %d with none", many, few)
	}
}

func TestReadingAllocatesNothing(t *testing.T) {
	var set listeners.Set[func()]
	set.Add("price:EURUSD", func() {})
	for i := range 100 {
		set.Add(fmt.Sprint("t", i), func() {})
	}
	typ, id := []byte("price"), []byte("EURUSD")
	if n := testing.AllocsPerRun(100, func() {
		set.Hear(typ, id)
		set.Of("price", "EURUSD")
	}); n != 0 {
		t.Errorf("Hear and Of make %v allocations, want 0", n)
	}
}
