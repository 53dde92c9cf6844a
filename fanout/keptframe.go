package fanout

import (
	"math/bits"
	"sync"
	"unsafe"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/wsframe"
)

// keptFrame is the frame of an event of a stream, with its offset: encoded once for all who get it live, for all who come back, and for those
// who catch up. The store has a reference as long as it keeps the event, every queue has one of its own. It comes from a pool
// of its size, since what is kept for long should waste little.
//
// I1: buf is the event's id, room for a header, and the envelope. Nobody writes to it between place and Recycle.
type keptFrame struct {
	netpoll.Frame
	buf    []byte
	offset uint64
	id     int
}

const (
	// leastKept and mostKept are the sizes between which the memory of kept frames is kept for reuse: powers of two, and three steps
	// between each and the next.
	leastKept = 64
	mostKept  = 64 << 10
	// offsetRoom is how much longer an envelope gets by its offset, at most.
	offsetRoom = len(`,"offset":9007199254740991`)
	// quotedRoom is about how much longer than its parts an envelope is.
	quotedRoom = len(`{"type":"","id":"","payload":}`)
)

// keptClasses is how many sizes there are.
const keptClasses = 4*10 + 1

var keptPools [keptClasses]sync.Pool

// keptClass is the least class whose frames have room for size bytes, and how many they have; it is no class if that is more than
// mostKept.
func keptClass(size int) (class, room int) {
	if size <= leastKept {
		return 0, leastKept
	}
	power := bits.Len(uint(size - 1))
	step := 1 << (power - 3)
	room = (size + step - 1) / step * step
	return 4*(power-7) + room/step - 4, room
}

// newKeptFrame returns one with room for size bytes.
func newKeptFrame(size int) *keptFrame {
	if size > mostKept {
		return &keptFrame{buf: make([]byte, 0, size)}
	}
	class, room := keptClass(size)
	if r, _ := keptPools[class].Get().(*keptFrame); r != nil {
		return r
	}
	return &keptFrame{buf: make([]byte, 0, room)}
}

// newKeptFrameOf encodes an event but for its offset.
func newKeptFrameOf(out *outgoing) *keptFrame {
	id := out.id()
	r := newKeptFrame(len(id) + wsframe.MaxHeader + quotedRoom + int(out.length()) + offsetRoom)
	r.id = len(id)
	buf := append(r.buf[:0], id...)
	for range wsframe.MaxHeader {
		buf = append(buf, 0)
	}
	if out.view != nil {
		r.buf = out.view.Append(buf)
	} else {
		r.buf = event.Append(buf, out.event)
	}
	return r
}

// place makes r the frame of the event with an offset. The caller has its one reference.
func (r *keptFrame) place(offset uint64, op wsframe.Opcode) {
	r.offset = offset
	r.buf = event.AppendOffset(r.buf, offset)
	from := r.id + wsframe.MaxHeader
	size := len(r.buf) - from
	start := from - wsframe.HeaderLen(size)
	wsframe.AppendHeader(r.buf[start:start], op, size)
	r.Reset(r.buf[start:], true, r)
}

// envelope is the message without its header.
func (r *keptFrame) envelope() []byte { return r.buf[r.id+wsframe.MaxHeader:] }

// longest is how long the frame gets, at most.
func (r *keptFrame) longest() int { return len(r.buf) - r.id + offsetRoom }

// ID is the event's.
func (r *keptFrame) ID() []byte { return r.buf[:r.id] }

// Memory is how many bytes the frame takes.
func (r *keptFrame) Memory() int { return cap(r.buf) + int(unsafe.Sizeof(*r)) }

// Recycle returns the frame to the pool of its size.
func (r *keptFrame) Recycle() {
	if class, room := keptClass(cap(r.buf)); cap(r.buf) <= mostKept && room == cap(r.buf) {
		keptPools[class].Put(r)
	}
}
