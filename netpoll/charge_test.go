package netpoll

import (
	"testing"
	"time"
)

func TestTinyFramesAreChargedWithWhatTheyTake(t *testing.T) {
	const limit, tiny = 64 << 10, 2
	for name, full := range map[string]bool{"behind a full socket": true, "before they are flushed": false} {
		t.Run(name, func(t *testing.T) {
			s, w, slots := senderOf(limit, 1)
			w.room[0] = 0
			queued := 0
			for len(s.noticesOf(overflowed)) == 0 && queued < limit {
				s.Send(slots[0], NewFrame(pattern(tiny), true))
				if full {
					s.flush(time.Second)
				}
				queued++
			}
			if want := 2 + (limit-tiny)/(tiny+frameOverhead); queued != want {
				t.Errorf("got frame number %d refused, want %d", queued, want)
			}
			if got, most := s.HeldBytes(), 4*limit; got > most {
				t.Errorf("got %d bytes held by tiny frames, want at most %d", got, most)
			}
		})
	}
}

func TestASingleFrameUpToTheLimitFitsIntoAnEmptyQueue(t *testing.T) {
	for name, c := range map[string]struct {
		size    int
		refused bool
	}{
		"just the limit": {1000, false},
		"a byte more":    {1001, true},
	} {
		t.Run(name, func(t *testing.T) {
			s, _, slots := senderOf(1000, 1)
			s.Send(slots[0], NewFrame(pattern(c.size), true))
			if got := s.IsRefusing(slots[0]); got != c.refused {
				t.Errorf("got it refused %v, want %v", got, c.refused)
			}
		})
	}
}

func TestBufferedBytesAreThoseOnTheWire(t *testing.T) {
	s, w, slots := senderOf(1<<20, 1)
	w.room[0] = 15
	for range 5 {
		s.Send(slots[0], NewFrame(pattern(10), true))
		s.flush(time.Second)
	}
	s.Send(slots[0], NewFrame(pattern(10), true))
	if got, want := s.Buffered(slots[0]), 45; got != want {
		t.Errorf("got %d bytes buffered, want %d", got, want)
	}
	if got, want := s.Charge(slots[0]), 45+4*frameOverhead; got != want {
		t.Errorf("got charge %d with five frames unsent, want %d", got, want)
	}
}

func TestManyTinyPendingFramesAreHeavy(t *testing.T) {
	const limit, connections = 64 << 10, 1000
	s, _, slots := senderOf(limit, connections)
	frames := 0
	for ; !s.isHeavy() && frames < 100*connections; frames++ {
		s.Send(slots[frames%connections], NewFrame(nil, true))
	}
	if most := heavyQueues*limit/nodeOverhead + 1; frames > most {
		t.Errorf("got %d frames pending before they are heavy, want at most %d", frames, most)
	}
	if got, want := s.HeldBytes(), frames*nodeOverhead; got != want {
		t.Errorf("got %d bytes held by pending frames, want %d", got, want)
	}
	s.flush(time.Second)
	if got := s.HeldBytes(); got != 0 {
		t.Errorf("got %d bytes held once all is sent, want none", got)
	}
}

func TestSenderI4ASocketThatWasFullIsAskedAgainBeforeAFrameIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		room      int
		overflows bool
	}{
		"and the frame is taken where it has room":    {1 << 20, false},
		"and the frame is refused where it has none":  {0, true},
		"and the frame is taken where enough is gone": {500, false},
	} {
		t.Run(name, func(t *testing.T) {
			s, w, slots := senderOf(1000, 1)
			w.room[0] = 0
			s.Send(slots[0], NewFrame(pattern(700), true))
			s.flush(time.Second)
			w.room[0] = c.room
			s.Send(slots[0], NewFrame(pattern(200), true))
			s.Send(slots[0], NewFrame(pattern(300), true))
			if got := len(s.noticesOf(overflowed)) > 0; got != c.overflows {
				t.Errorf("got an overflow %v, want %v", got, c.overflows)
			}
			checkQueue(t, s)
		})
	}
}

// TestSenderI4WhatPendsBehindABacklogIsSentBeforeAFrameIsRefused is about more than one method or task may queue.
func TestSenderI4WhatPendsBehindABacklogIsSentBeforeAFrameIsRefused(t *testing.T) {
	s, w, slots := senderOf(1000, 1)
	w.room[0] = 0
	s.Send(slots[0], NewFrame(pattern(10), true))
	s.flush(time.Second)
	w.room[0] = 1 << 20
	s.Send(slots[0], NewFrame(pattern(800), true))
	s.Send(slots[0], NewFrame(pattern(300), true))
	if got := len(s.noticesOf(overflowed)); got != 0 || s.Buffered(slots[0]) != 300 {
		t.Errorf("got %d refusals and %d bytes unsent, want none and the 300 of the last frame", got, s.Buffered(slots[0]))
	}
	checkQueue(t, s)
}
