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
