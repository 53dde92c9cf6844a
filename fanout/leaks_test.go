package fanout_test

import (
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// leakWatch is what the tests that run now started from: a test and its subtests, or tests that run side by side. mu guards
// all of it.
var leakWatch struct {
	mu sync.Mutex
	// running is how many tests run, and begun how many have begun so far.
	running, begun int
	// unchecked says that tests have run since the start of which nobody has yet looked for what they have left.
	unchecked bool
	// goroutines ignores those of before the first of them, descriptors is how many there were.
	goroutines  goleak.Option
	descriptors int
}

// watchForLeaks wants goroutines and descriptors back where they were. The last to end of the tests that run at the same time
// looks for what all of them have left. A test that begins meanwhile takes that over, with its own.
func watchForLeaks(t testing.TB) {
	t.Helper()
	w := &leakWatch
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running == 0 && !w.unchecked {
		w.goroutines = goleak.IgnoreCurrent()
		w.descriptors = descriptors(t)
	}
	w.running++
	w.begun++
	w.unchecked = true
	t.Cleanup(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.running--
		if w.running == 0 {
			findLeaksLocked(t)
		}
	})
}

// findLeaksLocked lets go of the lock while it waits, and ends once another test has begun.
func findLeaksLocked(t testing.TB) {
	t.Helper()
	w := &leakWatch
	begun, ignored, deadline := w.begun, w.goroutines, time.Now().Add(patience)
	for w.begun == begun {
		w.mu.Unlock()
		err := goleak.Find(ignored)
		w.mu.Lock()
		left := descriptors(t)
		switch {
		case w.begun != begun:
		case err == nil && left <= w.descriptors:
			w.unchecked = false
			return
		case !time.Now().After(deadline):
			w.mu.Unlock()
			runtime.GC()
			w.mu.Lock()
		case err != nil:
			w.unchecked = false
			t.Error(err)
			return
		default:
			w.unchecked = false
			t.Errorf("got %d descriptors, want the %d of before", left, w.descriptors)
			return
		}
	}
}

func descriptors(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("descriptors can't be counted: %v", err)
	}
	return len(entries)
}
