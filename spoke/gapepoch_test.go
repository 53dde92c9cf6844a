package spoke

import (
	"testing"

	"github.com/spokehub/spokehub/event"
)

func TestAGapOfAnotherEpochMovesItsTopicsBehindIt(t *testing.T) {
	var table topicTable
	of := &topic{name: "price", refs: 1}
	table.of = map[string]*topic{"price": of}
	table.enter(of)
	of.become(inForce)
	of.place.live = true
	of.place.at = event.Position{Epoch: "x", Offset: 50}
	of.place.stream.epoch, of.place.stream.seen = "x", 60
	if !table.miss(event.Gap{Topic: "price", Epoch: "y", From: 1, To: 2, Missed: -1, Reason: event.GapBroker}) {
		t.Error("got a gap that nobody wants, want one of a topic that somebody has")
	}
	if got, want := of.position(), (event.Position{Epoch: "y", Offset: 2}); got != want {
		t.Errorf("got the position %v, want %v", got, want)
	}
	if got := table.arrive([]byte("price"), nil, 3); got.ofType != live || got.epoch != "y" {
		t.Errorf("got %+v for the next event of the new epoch, want it live", got)
	}
	if got := table.arrive([]byte("price"), nil, 3); got.ofType != repeated {
		t.Errorf("got %+v for the same event, want it repeated", got)
	}
}

func TestAGapOfAnotherEpochOfWhichNothingIsGone(t *testing.T) {
	message := event.AppendGap(nil, event.Gap{Topic: "price", Epoch: "y", From: 1, Missed: -1, Reason: event.GapBroker})
	gap, err := event.ParseGap(message)
	if err != nil || gap.To != 0 || gap.From != 1 || gap.Epoch != "y" {
		t.Fatalf("got %+v and %v for %s, want it as it was written", gap, err, message)
	}
	if _, err := event.ParseGap(event.AppendGap(nil, event.Gap{Topic: "price", Epoch: "y", From: 2, To: 1, Missed: -1, Reason: event.GapBroker})); err == nil {
		t.Error("got a gap that ends ahead of where it begins, want an error")
	}
}
