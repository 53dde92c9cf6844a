package stream

import (
	"testing"
	"time"
	"unsafe"

	"github.com/spokehub/spokehub/event"
)

func TestSteadyStateAllocatesNothing(t *testing.T) {
	for name, policy := range map[string]Policy{
		"bounded by events":         {History: History{Events: 100}},
		"bounded by bytes":          {History: History{Bytes: 10_000}},
		"bounded by age":            {History: History{Events: 100, Age: time.Hour}},
		"latest of steady ids":      {History: History{Events: 20, LatestPerID: true}},
		"latest of more than fit":   {History: History{Bytes: 3000, LatestPerID: true}},
		"spokes that want the last": {History: History{Events: 20}, Behind: Latest},
	} {
		t.Run(name, func(t *testing.T) {
			m := NewMemory(func() int64 { return 1 << 30 })
			defer m.Close()
			drafts, typ, i := steadyDrafts(50, 100), []byte("price"), 0
			run := func() {
				i++
				m.Append(&policy, typ, drafts[i*7%50], "")
			}
			for range 2000 {
				run()
			}
			if got := testing.AllocsPerRun(1000, run); got != 0 {
				t.Errorf("append: got %v allocations, want 0", got)
			}
			m.Begin(&policy, "copy", event.Position{Epoch: "x"}, nil)
			offset, replica := uint64(0), []byte("copy")
			insert := func() {
				offset++
				m.Insert(replica, offset, time.Millisecond, drafts[offset*7%50])
			}
			for range 2000 {
				insert()
			}
			if got := testing.AllocsPerRun(1000, insert); got != 0 {
				t.Errorf("insert: got %v allocations, want 0", got)
			}
			var page Page
			read := func() {
				m.Read("price", Query{After: uint64(i) - 10, Events: 10}, &page)
				page.Release()
			}
			read()
			if got := testing.AllocsPerRun(100, read); got != 0 {
				t.Errorf("read: got %v allocations, want 0", got)
			}
		})
	}
}

func TestMemoryLayout(t *testing.T) {
	for name, c := range map[string]struct{ got, most uintptr }{
		"an entry":   {unsafe.Sizeof(entry{}), entryBytes},
		"a survivor": {unsafe.Sizeof(survivor{}), entryBytes + survivorBytes},
		"a bucket":   {unsafe.Sizeof(newestBucket{}), newestBytes},
		"a sequence": {unsafe.Sizeof(sequence{}), sequenceBytes - 80},
	} {
		if c.got > c.most {
			t.Errorf("%s: got %d bytes, want %d at most", name, c.got, c.most)
		}
	}
}
