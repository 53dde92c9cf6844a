package wsframe

import (
	"runtime"
	"runtime/debug"
	"testing"
	"unsafe"
)

func TestBufferHasTheNextPowerOfTwo(t *testing.T) {
	for _, c := range []struct {
		name       string
		size, want int
	}{
		{"at least the smallest", 1, minBuffer},
		{"of exactly the smallest", minBuffer, minBuffer},
		{"of one more than a power of two", minBuffer + 1, 2 * minBuffer},
		{"of the largest that is pooled", 1 << maxPooledBits, 1 << maxPooledBits},
		{"of one more than that", 1<<maxPooledBits + 1, 2 << maxPooledBits},
		{"of one less than the largest", maxBuffer - 1, maxBuffer},
		{"of the largest", maxBuffer, maxBuffer},
		{"or what is asked for beyond the largest", maxBuffer + 1, maxBuffer + 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 3 {
				buf := getBuffer(c.size)
				if len(buf) != 0 || cap(buf) != c.want {
					t.Errorf("got %d bytes and room for %d, want none and %d", len(buf), cap(buf), c.want)
				}
				putBuffer(buf)
			}
		})
	}
}

func TestLargeBufferIsUsedAgainUntilTheCollectorFreesIt(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	buf := getBuffer(maxBuffer)
	first := unsafe.SliceData(buf)
	putBuffer(buf)
	if got := unsafe.SliceData(getBuffer(maxBuffer)); got != first {
		t.Errorf("before a collection: got %p, want %p", got, first)
	}
	if got := unsafe.SliceData(getBuffer(maxBuffer)); got == first {
		t.Errorf("while it is in use: got %p again", got)
	}
	putBuffer(buf)
	runtime.GC()
	if got := slots[len(slots)-1].get(); got != nil {
		t.Errorf("after a collection: got %p, want none", got)
	}
}
