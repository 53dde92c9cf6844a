package netpoll

import "testing"

func TestHasRoomOffersWhatPendsBeforeItSaysThatTheSocketIsFull(t *testing.T) {
	for name, c := range map[string]struct {
		room, pending, size int
		want                bool
		writes              int
	}{
		"nothing pends":                              {1 << 20, 0, 200, true, 0},
		"what pends is within the bound":             {0, 50, 50, true, 0},
		"what pends is sent":                         {1 << 20, 60, 50, true, 1},
		"the socket takes a part of what pends":      {10, 60, 50, false, 2},
		"the socket is full":                         {0, 60, 50, false, 1},
		"what pends fills the socket to the brim":    {60, 60, 50, true, 1},
		"an answer over the bound on an empty queue": {0, 0, 1000, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s, w, _ := senderOf(1000, 1)
			w.room[0] = c.room
			if c.pending > 0 {
				s.Send(0, NewFrame(make([]byte, c.pending), false))
			}
			if got := s.HasRoom(0, c.size, 100); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
			if got := len(w.writes); got != c.writes {
				t.Errorf("got %d writes, want %d", got, c.writes)
			}
		})
	}
}
