package netpoll

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func deferrable(text string) *Frame {
	f := NewFrame([]byte(text), true)
	f.Defer(250)
	return f
}

func TestLag(t *testing.T) {
	frame := func(text string) *Frame { return NewFrame([]byte(text), true) }
	both := []uint32{0, 1}
	long := strings.Repeat("x", 260)
	tests := []struct {
		name string
		do   func(t *testing.T, s *Sender, w *wireOf)
		want [2]string
	}{
		{"a fan-out passes over who lags, and tells", func(t *testing.T, s *Sender, _ *wireOf) {
			s.SetLagging(0, true)
			s.Fanout(frame("a "), both, both, NoSlot)
			wantPassed(t, s, 0)
			s.Fanout(frame("b "), []uint32{1}, nil, NoSlot)
			wantPassed(t, s)
		}, [2]string{"", "a b "}},
		{"what is sent past it goes out", func(t *testing.T, s *Sender, _ *wireOf) {
			s.SetLagging(0, true)
			s.Send(0, frame("a "))
			if !s.SendPast(0, frame("b ")) {
				t.Error("got a frame passed over that is not deferrable")
			}
			s.FanoutPast(frame("c "), both)
		}, [2]string{"b c ", "c "}},
		{"who lags no longer gets everything", func(t *testing.T, s *Sender, _ *wireOf) {
			s.SetLagging(0, true)
			s.Send(0, frame("a "))
			s.SetLagging(0, false)
			s.Send(0, frame("b "))
			wantPassed(t, s)
		}, [2]string{"b ", ""}},
		{"who is left out is not passed over", func(t *testing.T, s *Sender, _ *wireOf) {
			s.SetLagging(0, true)
			s.SetLagging(1, true)
			s.Fanout(frame("a "), both, nil, 1)
			wantPassed(t, s, 0)
		}, [2]string{}},
		{"a deferrable frame finds who is behind", func(t *testing.T, s *Sender, w *wireOf) {
			w.room[0] = 0
			s.Fanout(frame(long), both, nil, NoSlot)
			s.flush(time.Second)
			s.Fanout(deferrable("a "), both, nil, NoSlot)
			wantPassed(t, s, 0)
			s.Fanout(frame("b "), both, nil, NoSlot)
			wantPassed(t, s, 0)
			if s.SendPast(0, deferrable("c ")) {
				t.Error("got a deferrable frame queued on a connection that is behind")
			}
			s.FanoutPast(deferrable("d "), []uint32{0})
			w.room[0] = 1000
			s.roomAgain(0)
		}, [2]string{long + "d ", long + "a b "}},
		{"a full socket is asked a last time", func(t *testing.T, s *Sender, w *wireOf) {
			w.room[0] = 0
			s.Send(0, frame(long))
			s.flush(time.Second)
			w.room[0] = 1000
			s.Send(0, deferrable("a "))
			wantPassed(t, s)
		}, [2]string{long + "a ", ""}},
		{"a deferrable frame is like any other for who is not behind", func(t *testing.T, s *Sender, w *wireOf) {
			w.room[0] = 0
			s.Send(0, frame("before "))
			s.flush(time.Second)
			s.Send(0, deferrable("a "))
			wantPassed(t, s)
			w.room[0] = 1000
			s.roomAgain(0)
		}, [2]string{"before a ", ""}},
		{"who has left is not passed over", func(t *testing.T, s *Sender, _ *wireOf) {
			s.SetLagging(0, true)
			s.Leave(0)
			s.Fanout(frame("a "), both, nil, NoSlot)
			wantPassed(t, s)
		}, [2]string{"", "a "}},
		{"behind a gate it counts as behind, too", func(t *testing.T, s *Sender, _ *wireOf) {
			s.Gate(0)
			s.Send(0, frame(long))
			s.Send(0, deferrable("a "))
			wantPassed(t, s, 0)
			s.Ungate(0)
		}, [2]string{long, ""}},
		{"who has it behind a gate by one topic is not passed over by the other", func(t *testing.T, s *Sender, _ *wireOf) {
			s.Gate(0)
			s.Fanout(deferrable(long[:120]), both, []uint32{0}, NoSlot)
			wantPassed(t, s)
			s.Ungate(0)
		}, [2]string{long[:120], long[:120]}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, w, _ := senderOf(1000, 2)
			test.do(t, s, w)
			checkQueue(t, s)
			s.flush(time.Second)
			checkQueue(t, s)
			for slot, want := range test.want {
				if got := string(w.stream[uint32(slot)]); got != want {
					t.Errorf("connection %d: got %q sent, want %q", slot, got, want)
				}
			}
			var got Counters
			s.addTo(&got)
			s.addQueued(&got)
			if out := got.Delivered + got.HandedBack + got.Dropped[DropClosed] + got.Dropped[DropOverflow] + got.Queued; got.Matched != out {
				t.Errorf("got %d matched and %d accounted for, want the same", got.Matched, out)
			}
		})
	}
}

func wantPassed(t *testing.T, s *Sender, want ...uint32) {
	t.Helper()
	if got := s.Passed(); !slices.Equal(got, want) {
		t.Errorf("got %v passed over, want %v", got, want)
	}
}

func TestLagWhoRefusesIsNotPassedOver(t *testing.T) {
	s, _, _ := senderOf(1000, 1)
	s.SetLagging(0, true)
	s.Refuse(0)
	s.Send(0, deferrable("a"))
	wantPassed(t, s)
	if got := s.count.Dropped[DropOverflow]; got != 1 {
		t.Errorf("got %d dropped, want the one that was refused", got)
	}
}
