package fanout_test

import (
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// leaksWatched says that a test, or one around it, watches for leaks.
var leaksWatched atomic.Bool

// watchForLeaks wants goroutines and descriptors at the end of the test back where they are now. A test that is part of one
// that watches, or watches already, leaves it at that.
func watchForLeaks(t testing.TB) {
	t.Helper()
	if !leaksWatched.CompareAndSwap(false, true) {
		return
	}
	goroutines := goleak.IgnoreCurrent()
	before := descriptors(t)
	t.Cleanup(func() {
		defer leaksWatched.Store(false)
		if err := goleak.Find(goroutines); err != nil {
			t.Error(err)
		}
		for deadline := time.Now().Add(patience); descriptors(t) > before; runtime.Gosched() {
			if time.Now().After(deadline) {
				t.Errorf("got %d descriptors, want the %d of before", descriptors(t), before)
				return
			}
			runtime.GC()
		}
	})
}

func descriptors(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("descriptors can't be counted: %v", err)
	}
	return len(entries)
}
