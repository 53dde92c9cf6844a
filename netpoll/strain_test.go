package netpoll

import (
	"bytes"
	"testing"
	"time"
)

func TestSamplesLieATickOrADoublingApart(t *testing.T) {
	var s strain
	for _, at := range []struct {
		tick  uint32
		bytes int
	}{{5, 100}, {5, 150}, {5, 199}, {5, 200}, {6, 210}, {6, 120}, {6, 100}, {9, 100}} {
		s.note(at.tick, at.bytes)
	}
	want := []QueueSample{{500 * time.Millisecond, 100}, {500 * time.Millisecond, 200}, {400 * time.Millisecond, 210}, {400 * time.Millisecond, 100}, {100 * time.Millisecond, 100}}
	got := s.appendTo(nil, 10)
	if len(got) != len(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("sample %d: got %v, want %v", i, got[i], want[i])
		}
	}
	for tick := range uint32(20) {
		s.note(20+tick, int(tick))
	}
	if got := s.appendTo(nil, 40); len(got) != keptSamples || got[0].Bytes != 12 || got[keptSamples-1].Bytes != 19 {
		t.Errorf("got %v, want the last %d", got, keptSamples)
	}
}

func TestFillingIsToldOnceAnEpisode(t *testing.T) {
	const limit = 1000
	s, w, slots := senderOf(limit, 1)
	slot := slots[0]
	send := func(bytes int) {
		s.Send(slot, NewFrame(pattern(bytes), true))
		s.flush(time.Second)
	}
	told := func(want int, when string) {
		t.Helper()
		if got := len(s.noticesOf(filling)); got != want {
			t.Fatalf("%s: told %d times, want %d", when, got, want)
		}
	}
	w.room[slot] = 0
	send(400)
	told(0, "below half of the limit")
	send(100)
	told(1, "over half of it")
	send(100)
	w.room[slot] = 200
	s.roomAgain(slot)
	send(100)
	told(1, "over half again, and never calm")
	w.room[slot] = 500
	s.roomAgain(slot)
	w.room[slot] = 0
	send(501)
	told(2, "over half of it behind a calm moment")
	if !s.isFilling(slot) || len(s.AppendSamples(nil, slot)) == 0 {
		t.Error("got no sample of a socket that is full, want some")
	}
	s.drop(slot, DropClosed)
	if s.isFilling(slot) || len(s.AppendSamples(nil, slot)) != 0 {
		t.Error("got samples of a queue that has ended, want none")
	}
}

func TestEachQueuedSeesEveryFrameOnce(t *testing.T) {
	s, w, slots := senderOf(1<<20, 1)
	slot := slots[0]
	w.room[slot] = 50
	var want [][]byte
	send := func(size int, flush bool) {
		f := NewFrame(bytes.Repeat([]byte{byte(len(want) + 1)}, size), true)
		want = append(want, f.bytes)
		s.Send(slot, f)
		if flush {
			s.flush(time.Second)
		}
	}
	send(40, false)
	send(40, true)
	want = want[1:]
	send(5000, true)
	send(30, true)
	send(20, false)
	send(10, false)
	run := new(Frame)
	run.Join([]*Frame{NewFrame([]byte("one"), true), NewFrame([]byte("two"), true)}, nil, nil)
	s.Send(slot, run)
	want = append(want, []byte("one"), []byte("two"))
	s.Gate(slot)
	send(7, false)
	seen := make(map[string]int)
	s.EachQueued(slot, func(view []byte) bool {
		seen[string(view)]++
		return true
	})
	for i, frame := range want {
		if seen[string(frame)] != 1 {
			t.Errorf("frame %d of %d bytes: seen %d times, want once", i, len(frame), seen[string(frame)])
		}
	}
	if len(seen) != len(want) || s.QueuedFrames(slot) != len(want) {
		t.Errorf("got %d frames seen and %d counted, want %d", len(seen), s.QueuedFrames(slot), len(want))
	}
	for most := 1; most <= len(want); most++ {
		calls := 0
		s.EachQueued(slot, func([]byte) bool {
			calls++
			return calls < most
		})
		if calls != most {
			t.Errorf("got %d calls, want %d: it ends when it is told to", calls, most)
		}
	}
}
