package netpoll

import "sync"

// linkBuffer is a buffer that a link has for one read or one write. Whoever took it owns it until giveBack.
type linkBuffer struct {
	bytes []byte
	from  *sync.Pool
}

// linkBuffers are the buffers that nobody has, by their sizes. They are for any goroutine; the garbage collector takes what is not used.
var linkBuffers = [...]struct {
	size int
	pool sync.Pool
}{{size: 512}, {size: linkReadBytes}, {size: linkWriteBytes}}

// takeLinkBuffer takes a buffer of at least n bytes, which may be linkWriteBytes at most.
func takeLinkBuffer(n int) *linkBuffer {
	at := 0
	for n > linkBuffers[at].size {
		at++
	}
	of := &linkBuffers[at]
	if b, ok := of.pool.Get().(*linkBuffer); ok {
		return b
	}
	return &linkBuffer{bytes: make([]byte, of.size), from: &of.pool}
}

// giveBack ends the use of a buffer; of nil it does nothing.
func (b *linkBuffer) giveBack() {
	if b != nil {
		b.from.Put(b)
	}
}
