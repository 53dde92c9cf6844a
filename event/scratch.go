package event

import (
	"sync/atomic"
	"unsafe"
)

const (
	// keptText is how many bytes of decoded strings a View keeps room for from one message to the next: as many as a message of
	// 1 MiB has. It keeps as many of decoded names.
	keptText = 1<<20 + 16<<10
	// keptNames is how many names it keeps room for: 2.25 MiB, as much as the names of any message of 1 MiB need.
	keptNames = 288 << 10
	// keptView is how many bytes a spare View keeps.
	keptView = 64 << 10
)

// spareViews has Views for Event.Validate and Parse, which any number of goroutines may call. A sync.Pool would be emptied by
// every garbage collection.
var spareViews [8]spareView

// spareView has a cache line of its own.
type spareView struct {
	view atomic.Pointer[View]
	_    [64 - unsafe.Sizeof(atomic.Pointer[View]{})]byte
}

// borrowView returns a View that nobody else uses, and the place where it belongs afterwards. Goroutines begin to look in
// different places, as their stacks are in different places.
func borrowView() (*View, *spareView) {
	var here byte
	first := uintptr(unsafe.Pointer(&here)) >> 12
	for i := range uintptr(len(spareViews)) {
		spare := &spareViews[(first+i)%uintptr(len(spareViews))]
		if spare.view.Load() != nil {
			if v := spare.view.Swap(nil); v != nil {
				return v, spare
			}
		}
	}
	return new(View), &spareViews[first%uintptr(len(spareViews))]
}

// takeBack takes a View back, unless it has grown large or there is another one by now.
func (s *spareView) takeBack(v *View) {
	if v.held() <= keptView {
		v.Type, v.ID, v.Payload, v.Offset = nil, nil, nil, 0
		s.view.CompareAndSwap(nil, v)
	}
}

// held returns how many bytes of scratch v holds. Parse makes it grow to twice a message's length and 160 KiB at most, which
// takes thousands of names in one object or a very long one with escapes; Topics adds the topics that have escapes, and Since 16 to 32 bytes
// for each topic. From one
// message to the next, 4.5 MiB are kept at most.
func (v *View) held() int {
	s := &v.scanner
	return cap(v.scratch) + cap(s.levels)*int(unsafe.Sizeof(level{})) + s.names.bytes()
}

// trim gives large scratch back.
func (v *View) trim() {
	if cap(v.scratch) > keptText {
		v.scratch = nil
	}
	if n := &v.scanner.names; cap(n.all) > keptNames || cap(n.text) > keptText {
		n.all, n.text = nil, nil
	}
}

func (n *nameStack) bytes() int {
	return cap(n.all)*8 + cap(n.text) + cap(n.tags)*4
}
