package stream

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheTimerTrimsWhatIsTooOldAndThenRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(nil)
		defer m.Close()
		brief, long := &Policy{History: History{Age: time.Second}}, &Policy{History: History{Age: time.Hour}}
		for i := range 500 {
			mustAppend(t, m, brief, fmt.Sprint("brief", i), &testDraft{})
		}
		mustAppend(t, m, long, "long", &testDraft{})
		for _, c := range []struct {
			after  time.Duration
			events int
			rests  bool
		}{{900 * time.Millisecond, 501, false}, {2 * time.Second, 1, false}, {59 * time.Minute, 1, false}, {61 * time.Minute, 0, true}} {
			time.Sleep(c.after - m.clock())
			synctest.Wait()
			m.agenda.mu.Lock()
			rests := m.agenda.armed == 0 && len(m.agenda.due) == 0
			m.agenda.mu.Unlock()
			if got := m.Stats().Events; got != c.events || rests != c.rests {
				t.Errorf("after %v: got %d events, resting %v, want %d and %v", c.after, got, rests, c.events, c.rests)
			}
		}
		checkInvariants(t, m)
	})
}

func TestTheTimerIsSetForAKeyThatEndsBeforeTheEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(nil)
		defer m.Close()
		p := &Policy{History: History{Age: time.Hour}}
		mustAppend(t, m, p, "a", &testDraft{})
		before := m.Held()
		for i := range 100 {
			m.Append(p, []byte("b"), &testDraft{}, fmt.Sprint(i))
		}
		withKeys := m.Held()
		time.Sleep(keyWindow + time.Second)
		synctest.Wait()
		if got := withKeys - m.Held(); got < 100*keyBytes {
			t.Errorf("got %d bytes back of the %d that b took, want those of 100 keys", got, withKeys-before)
		}
		checkInvariants(t, m)
	})
}

func TestNothingIsTimedAfterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(nil)
		p := &Policy{History: History{Age: time.Second}}
		mustAppend(t, m, p, "a", &testDraft{})
		m.Close()
		if got := m.Held(); got != 0 {
			t.Errorf("got %d bytes held after Close, want none", got)
		}
		mustAppend(t, m, p, "b", &testDraft{})
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := m.Stats().Events; got != 1 {
			t.Errorf("got %d events after Close, want the one that came then", got)
		}
		var page Page
		m.Read("b", Query{After: 1, Events: 1}, &page)
		if len(page.Entries) != 0 || page.Missing != 1 {
			t.Errorf("got %+v of what is too old, want it missing", page)
		}
	})
}

func TestAKeyIsRememberedForFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(nil)
		defer m.Close()
		p := &Policy{History: History{Events: 3}}
		for _, c := range []struct {
			after   time.Duration
			outcome Outcome
			offset  uint64
		}{{0, Appended, 1}, {3 * time.Minute, Repeated, 1}, {keyWindow - 20*time.Millisecond, Repeated, 1}, {keyWindow + 20*time.Millisecond, Appended, 2}} {
			time.Sleep(c.after - m.clock())
			position, outcome, err := m.Append(p, []byte("a"), &testDraft{}, "key")
			if err != nil || outcome != c.outcome || position.Offset != c.offset {
				t.Errorf("after %v: got %+v, outcome %d and %v, want %d and outcome %d", c.after, position, outcome, err, c.offset, c.outcome)
			}
			if err := m.Remove("a"); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestAStreamRemembersTheNewestKeys(t *testing.T) {
	m := NewMemory(nil)
	defer m.Close()
	p := &Policy{History: History{Events: 3}}
	for i := range maxKeys + 100 {
		m.Append(p, []byte("a"), &testDraft{}, fmt.Sprint(i))
	}
	for _, c := range []struct {
		key  int
		want Outcome
	}{{100, Repeated}, {maxKeys + 99, Repeated}, {99, Appended}, {0, Appended}} {
		key, want := c.key, c.want
		if _, got, err := m.Append(p, []byte("a"), &testDraft{}, fmt.Sprint(key)); err != nil || got != want {
			t.Errorf("key %d: got the outcome %d and %v, want %d", key, got, err, want)
		}
		if want == Appended {
			continue
		}
		if _, got, _ := m.Append(p, []byte("b"), &testDraft{}, fmt.Sprint(key)); got != Appended {
			t.Errorf("key %d on another stream: got the outcome %d, want it appended", key, got)
		}
	}
	checkInvariants(t, m)
}

func TestAKeyOfAnyLengthUpToTheLongestIsTaken(t *testing.T) {
	m := NewMemory(nil)
	defer m.Close()
	p := &Policy{History: History{Events: 3}}
	for length, want := range map[int]error{1: nil, MaxKey: nil, MaxKey + 1: ErrKey} {
		_, _, err := m.Append(p, []byte("a"), &testDraft{}, strings.Repeat("k", length))
		if !errors.Is(err, want) {
			t.Errorf("length %d: got %v, want %v", length, err, want)
		}
	}
	if got := m.Stats().Appended; got != 2 {
		t.Errorf("got %d events, want those with the two keys", got)
	}
}
