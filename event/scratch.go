package event

import (
	"sync"
	"unsafe"
)

const (
	// keptText is how many bytes of decoded strings a View keeps room for from one message to the next, and as many of the two
	// names that are compared.
	keptText = 64 << 10
	// keptNames is how many names a View keeps room for. A message of 1 MiB can hardly have more.
	keptNames = 160 << 10
)

// views has scratch for Event.Validate and Parse.
var views = sync.Pool{New: func() any { return new(View) }}

func borrowView() *View {
	return views.Get().(*View)
}

// returnView takes a View back, without the message that it borrowed.
func returnView(v *View) {
	v.Type, v.ID, v.Payload = nil, nil, nil
	v.trim()
	views.Put(v)
}

// Bytes returns how many bytes of memory v holds beside its own fields. It grows to what the largest messages need, and what
// exceeds 1.5 MiB is given back by the next Parse. It is for the owner of v, who accounts for memory.
func (v *View) Bytes() int {
	s := &v.scanner
	return cap(v.scratch) + cap(s.levels)*int(unsafe.Sizeof(level{})) + s.names.bytes()
}

// trim gives large scratch back.
func (v *View) trim() {
	if cap(v.scratch) > keptText {
		v.scratch = nil
	}
	v.scanner.names.trim()
}

func (n *nameStack) bytes() int {
	return cap(n.all)*8 + cap(n.text) + cap(n.tags)*4
}

func (n *nameStack) trim() {
	if cap(n.all) > keptNames {
		n.all = nil
	}
	if cap(n.text) > keptText {
		n.text = nil
	}
}
