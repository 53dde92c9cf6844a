package event

import (
	"sync"
	"unsafe"
)

const (
	// keptText is how many bytes of decoded strings a View keeps room for from one message to the next: as many as a message of
	// 1 MiB has. It keeps as many of decoded names.
	keptText = 1<<20 + 16<<10
	// keptNames is how many names it keeps room for: 2.25 MiB, as much as the names of any message of 1 MiB need.
	keptNames = 288 << 10
	// keptView is how many bytes a View of the pool keeps.
	keptView = 64 << 10
)

// views has scratch for Event.Validate and Parse.
var views = sync.Pool{New: func() any { return new(View) }}

// returnView gives a View to the pool, unless it has grown large.
func returnView(v *View) {
	if v.Bytes() <= keptView {
		v.Type, v.ID, v.Payload = nil, nil, nil
		views.Put(v)
	}
}

// Bytes returns how many bytes of scratch v holds. Parse makes it grow to twice a message's length and 160 KiB at most, which
// takes thousands of names in one object or a very long one with escapes; Topics adds the topics that have escapes. From one
// message to the next, 4.5 MiB are kept at most. Bytes is for the owner of v, who accounts for memory.
func (v *View) Bytes() int {
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
