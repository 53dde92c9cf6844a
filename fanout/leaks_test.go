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
	mu      sync.Mutex
	running int
	// goroutines ignores those of before the first of them, descriptors is how many there were.
	goroutines  goleak.Option
	descriptors int
}

// watchForLeaks wants goroutines and descriptors back where they were. The last to end of the tests that run at the same time
// looks for what all of them have left.
func watchForLeaks(t testing.TB) {
	t.Helper()
	w := &leakWatch
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running == 0 {
		w.goroutines = goleak.IgnoreCurrent()
		w.descriptors = descriptors(t)
	}
	w.running++
	t.Cleanup(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.running--
		if w.running == 0 {
			findLeaks(t, w.goroutines, w.descriptors)
		}
	})
}

func findLeaks(t testing.TB, goroutines goleak.Option, before int) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for err := goleak.Find(goroutines); err != nil; err = goleak.Find(goroutines) {
		if time.Now().After(deadline) {
			t.Error(err)
			return
		}
	}
	for ; descriptors(t) > before; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Errorf("got %d descriptors, want the %d of before", descriptors(t), before)
			return
		}
		runtime.GC()
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
