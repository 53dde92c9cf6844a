package netpoll

import (
	"errors"
	"io"
	"net"
)

// inputSecured takes what a connection of TLS has sent.
func (r *Reactor) inputSecured(n uint32, view []byte) {
	t := *r.secured.bySlot.At(n)
	switch {
	case t.handshake != nil:
		r.inputHandshake(n, t, view)
	case t.flags&(tlsFailed|tlsEnded) == 0:
		r.inputRecords(n, t, view)
	}
}

// inputRecords opens what has come and hands it to the handler, all at once. Only that shows that the peer lives: half a record may take
// for ever.
func (r *Reactor) inputRecords(n uint32, t *tlsSession, view []byte) {
	token := r.Conn(n)
	t.wire += int32(len(view))
	plain, records, err := t.open(view)
	t.recount()
	r.spend(recordWork * records)
	r.sendRecords(n, t, nil)
	if len(plain) > 0 && r.Holds(token) {
		r.conns.table.At(n).seen = r.now()
		r.secured.overhead, t.wire = max(0, int(t.wire)-len(plain)), 0
		r.deliver(n, plain)
		r.secured.overhead = 0
	}
	if err != nil && r.Holds(token) {
		t.flags |= tlsEndOf(err)
		r.notifyHangup(n, err)
	}
}

// tlsEndOf is what becomes of a session that has come to its end: behind what the peer ended itself, something may still be sent.
func tlsEndOf(err error) tlsFlags {
	if errors.Is(err, io.EOF) {
		return tlsEnded
	}
	return tlsFailed
}

// recordWork is the work of opening a record besides its bytes.
const recordWork = 512

// open opens the records in view. plain is valid until the next call of any session; err may come with it.
func (t *tlsSession) open(view []byte) (plain []byte, records int, err error) {
	x := &t.reactor.secured
	x.view = view
	into, size, read := x.roomFor(len(view)), 0, 0
	t.bounds.whole = 0
	x.drive(t)
	for len(x.view) > 0 || read < t.bounds.whole || t.flags&tlsDrain != 0 {
		if len(into)-size < maxSealed {
			into = append(into, make([]byte, maxRecord)...)
		}
		var n int
		n, err = t.conn.Read(into[size : size+maxSealed])
		size += n
		if n > 0 {
			read++
		}
		if err != nil {
			break
		}
	}
	x.drive(nil)
	if errors.Is(err, errDry) {
		err = nil
		t.flags &^= tlsDrain
		if !t.fruitless.allow(t.bounds.whole-read, t.reactor.now()) {
			err = ErrFruitless
		}
	}
	x.view = nil
	return into[:size], t.bounds.whole, err
}

// roomFor is where the plaintext of so many bytes lands. Only those that came ahead of the end of a handshake may be more than one read brings.
func (x *tlsSessions) roomFor(view int) []byte {
	if need := view + readAhead; need > len(x.opened) {
		return make([]byte, need)
	}
	return x.opened
}

// readView gives crypto/tls what the reactor has received. crypto/tls keeps half a record, and goes on with it next time.
func (t *tlsSession) readView(p []byte) (int, error) {
	x := &t.reactor.secured
	if !x.drives(t) {
		return 0, net.ErrClosed
	}
	if len(x.view) == 0 {
		return 0, errDry
	}
	n := t.bounds.take(x.view, len(p))
	copy(p, x.view[:n])
	x.view = x.view[n:]
	return n, nil
}

// dry says that there is nothing more to read for now: crypto/tls takes an error that is temporary for no end.
type dry struct{}

var errDry net.Error = dry{}

func (dry) Error() string   { return "nothing more has come" }
func (dry) Timeout() bool   { return false }
func (dry) Temporary() bool { return true }

// fruitless counts records without data, such as key updates, which cost the hub much more than they cost the peer. Some are
// allowed, and one a second.
type fruitless struct {
	count uint32
	since uint32
}

const (
	maxFruitless   = 32
	ticksPerSecond = 10
)

// allow counts so many more, and says whether that is still allowed.
func (f *fruitless) allow(more int, now uint32) bool {
	if more <= 0 {
		return true
	}
	passed := (now - f.since) / ticksPerSecond
	f.count -= min(f.count, passed)
	f.since += passed * ticksPerSecond
	f.count += uint32(more)
	return f.count <= maxFruitless
}
