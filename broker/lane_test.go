package broker

import "testing"

func TestALaneDropsRepeatsAndNoticesLosses(t *testing.T) {
	var sender Numbering
	var whole, single Lane
	var headers []Header
	for _, id := range []string{"1", "2", "1", "", "1"} {
		key, h := sender.Next([]byte("price"), []byte(id), true)
		if key != (Key{Type: "price", ID: id}) || h.Sequence != uint64(len(headers)+1) || h.OfType != uint64(len(headers)) {
			t.Fatalf("got the key %v and %+v of message %d", key, h, len(headers)+1)
		}
		headers = append(headers, h)
	}
	if _, h := sender.Next([]byte("order"), []byte("1"), false); h.Sequence != 6 || h.OfType != 0 || h.OfID != 0 {
		t.Errorf("got %+v of the first message of another type, want the sequence 6 without predecessors", h)
	}
	for _, c := range []struct {
		message          int
		isRepeat, isLost bool
		ofID             bool
	}{{0, false, false, true}, {2, false, false, true}, {4, false, false, true}, {2, true, false, true}, {0, false, false, false}, {1, false, false, false}, {3, false, true, false}, {3, true, false, false}} {
		h := headers[c.message]
		lane, before := &whole, h.OfType
		if c.ofID {
			lane, before = &single, h.OfID
		}
		if isRepeat, isLost := lane.See(7, h.Sequence, before); isRepeat != c.isRepeat || isLost != c.isLost {
			t.Errorf("message %d, by id %v: got repeat %v, lost %v, want %v, %v", c.message, c.ofID, isRepeat, isLost, c.isRepeat, c.isLost)
		}
	}
	if isRepeat, isLost := whole.See(8, 5, 4); isRepeat || isLost {
		t.Error("got a repeat or a loss of the first message of another origin, want neither")
	}
}

func TestALaneForgetsTheOriginThatHasBeenSilentForLongest(t *testing.T) {
	var lane Lane
	const first, second = 1, 2
	sequence := uint64(1)
	lane.See(first, sequence, 0)
	lane.See(second, sequence, 0)
	for other := uint64(0); other < 10*manyOrigins; other++ {
		sequence += 2
		if isRepeat, isLost := lane.See(first, sequence, sequence-1); isRepeat || !isLost {
			t.Fatalf("got repeat %v, lost %v behind a hole, event %d of an origin that is heard all the time, want a loss", isRepeat, isLost, sequence)
		}
		lane.See(100+other, 1, 0)
	}
	if isRepeat, isLost := lane.See(second, 3, 2); isRepeat || isLost {
		t.Errorf("got repeat %v, lost %v of an origin that was silent for long, want it forgotten", isRepeat, isLost)
	}
	if len(lane.last) != manyOrigins {
		t.Errorf("got %d origins in a lane, want %d", len(lane.last), manyOrigins)
	}
}

func TestALaneNoticesLossesOfAHundredNodesInTurns(t *testing.T) {
	var lane Lane
	const nodes = 100
	for sequence := uint64(1); sequence <= 3; sequence++ {
		for origin := uint64(1); origin <= nodes; origin++ {
			if _, isLost := lane.See(origin, 2*sequence, 2*sequence-1); isLost != (sequence > 1) {
				t.Fatalf("origin %d, event %d: got lost %v, want %v", origin, sequence, isLost, sequence > 1)
			}
		}
	}
}

func TestALaneGoesOnWhenItHasCountedToTheEnd(t *testing.T) {
	lane := Lane{events: 1<<32 - manyOrigins/2}
	for origin := uint64(1); origin <= manyOrigins; origin++ {
		lane.See(origin, 1, 0)
	}
	lane.See(1, 2, 1)
	lane.See(1000, 1, 0)
	for origin, isKnown := range map[uint64]bool{1: true, 2: false, 3: true, manyOrigins: true} {
		if got := lane.Knows(origin, 1); got != isKnown {
			t.Errorf("got that the lane knows origin %d: %v, want %v", origin, got, isKnown)
		}
	}
}
