package netpoll

import "time"

// Tick is the resolution of deadlines.
const Tick = 100 * time.Millisecond

// Conn names a connection of a reactor from another goroutine: its slot, and the generation that tells it from the
// slot's earlier and later users.
type Conn struct {
	// Slot is the connection's place in the reactor's table.
	Slot uint32
	// Gen is the slot's generation.
	Gen uint32
}

// slot is what the reactor knows of a connection besides what it sends: 24 bytes without pointers.
//
// I1: gen changes when the connection ends, so that what was meant for it finds nobody.
type slot struct {
	fd  int32
	gen uint32
	// seen is the tick at which the peer last sent something, or made room in a full socket.
	seen     uint32
	deadline deadline
	state    connState
}

// deadline is one connection's place in the wheel, which owns it.
type deadline struct {
	// due is the tick of the deadline; 0: none.
	due uint32
	// parked is the tick of the bucket that has the entry; an entry found elsewhere is stale.
	parked uint32
}

// connState is a set of flags of one connection.
type connState uint16

const (
	// inUse: a connection or listener has the slot.
	inUse connState = 1 << iota
	// paused: it is not read.
	paused
	// awaitsRoom: its socket is full, and the poller watches for room.
	awaitsRoom
	// listening: it is a listener.
	listening
	// linked: it has no descriptor; a link serves it.
	linked
	// unwatched: it is paused and broken, and the poller has forgotten it lest it report that without end.
	unwatched
	// kept: when the connection ends, its number stays taken until FreeSlot.
	kept
	// toRead: it waits in the intake.
	toRead
	// bulk: its last read was long, so it is read behind the light ones.
	bulk
	// secured: it speaks TLS, and a tlsSession does so for it.
	secured
)

// is says whether all flags of what are set.
func (s *slot) is(what connState) bool { return s.state&what == what }

// connTable is the reactor's table of connections. Numbers of ended ones come back at the end of the turn, once no list
// of the sender names them and, if they are kept, FreeSlot was called.
type connTable struct {
	table  Table[slot]
	unused []uint32
	// retired are the numbers of connections that have ended, and what of theirs is still to be closed.
	retired retired
	used    int
	// maxGen is the highest generation of tables that shrink has dropped.
	maxGen uint32
}

// retired is what closeRetired has to finish.
type retired struct {
	slots []uint32
	fds   []int32
	// kept is how many numbers of ended connections wait for FreeSlot.
	kept int
}

// largeTable is the number of slots above which an empty table is dropped.
const largeTable = 4096

func (t *connTable) take() uint32 {
	var n uint32
	if last := len(t.unused) - 1; last >= 0 {
		n = t.unused[last]
		t.unused = t.unused[:last]
	} else {
		n = t.table.Len()
		t.table.Extend(n + 1)
		t.table.At(n).gen = 1 + t.maxGen
	}
	t.used++
	s := t.table.At(n)
	*s = slot{fd: -1, gen: s.gen, state: inUse}
	return n
}

// retire ends the use of a slot.
func (t *connTable) retire(n uint32) {
	s := t.table.At(n)
	s.gen++
	s.state &= kept
	s.deadline.due = 0
	t.used--
	if s.is(kept) {
		t.retired.kept++
		return
	}
	t.retired.slots = append(t.retired.slots, n)
}

// free ends the keeping of a number.
func (t *connTable) free(n uint32) {
	s := t.table.At(n)
	if !s.is(kept) {
		return
	}
	s.state &^= kept
	if !s.is(inUse) {
		t.retired.kept--
		t.retired.slots = append(t.retired.slots, n)
	}
}

// recycle frees the retired slots that no list of the sender names any more.
func (t *connTable) recycle(lists interface{ isListed(slot uint32) bool }) {
	kept := t.retired.slots[:0]
	for _, n := range t.retired.slots {
		if lists.isListed(n) {
			kept = append(kept, n)
			continue
		}
		t.unused = append(t.unused, n)
	}
	t.retired.slots = kept
}

// isLargeAndEmpty says whether a spike has left a table that shrink gives back.
func (t *connTable) isLargeAndEmpty() bool {
	return t.used == 0 && len(t.retired.slots) == 0 && t.retired.kept == 0 && t.table.Len() > largeTable
}

// shrink forgets an empty table. Generations go on from the highest ever used, which keeps I1 of slot.
func (t *connTable) shrink() {
	for i := range t.table.Len() {
		t.maxGen = max(t.maxGen, t.table.At(i).gen)
	}
	t.table.Reset()
	t.unused = nil
	t.retired.slots = nil
}
