package netpoll

// Conn names a connection of a reactor from another goroutine: its slot, and the generation that tells it from the
// slot's earlier and later users.
type Conn struct {
	// Slot is the connection's place in the reactor's table.
	Slot uint32
	// Gen is the slot's generation.
	Gen uint32
}

// slot is what the fan-out path touches of a connection: 32 bytes without pointers. It belongs to the reactor.
//
// I1: head is the log node of the frames that wait for the end of the turn; 0 when there are none.
// I2: back is the backlog's number; 0 unless the socket is full.
// I3: a slot with head other than 0 stands in an outlist, or has a backlog and stands in one.
// I4: gen changes when the connection ends, so that what was meant for it finds nobody.
// I5: parked is the tick of the wheel bucket that holds the slot's entry; an entry found elsewhere is stale.
type slot struct {
	fd     int32
	head   uint32
	back   uint32
	gen    uint32
	seen   uint32
	due    uint32
	parked uint32
	flags  flags
}

type flags uint32

const (
	inUse flags = 1 << iota
	inBulk
	inExpress
	paused
	armed
	dead
	listening
	linked
	tellDrained
	refusing
	muted
)

const listed = inBulk | inExpress

// slots is the reactor's table of connections. Freed numbers come back only once no outlist names them.
// past is the highest generation of tables that shrink has dropped.
type slots struct {
	table      Table[slot]
	free       []uint32
	quarantine []uint32
	used       int
	past       uint32
}

func (t *slots) take() uint32 {
	var n uint32
	if last := len(t.free) - 1; last >= 0 {
		n = t.free[last]
		t.free = t.free[:last]
	} else {
		n = t.table.Len()
		t.table.Extend(n + 1)
		t.table.At(n).gen = 1 + t.past
	}
	t.used++
	s := t.table.At(n)
	*s = slot{fd: -1, gen: s.gen, flags: inUse}
	return n
}

func (t *slots) retire(n uint32) {
	s := t.table.At(n)
	s.gen++
	s.flags = s.flags&listed | dead
	s.due = 0
	t.used--
	t.quarantine = append(t.quarantine, n)
}

// recycle frees the retired slots that no outlist names any more.
func (t *slots) recycle() {
	kept := t.quarantine[:0]
	for _, n := range t.quarantine {
		if t.table.At(n).flags&listed != 0 {
			kept = append(kept, n)
			continue
		}
		t.table.At(n).flags = 0
		t.free = append(t.free, n)
	}
	t.quarantine = kept
	if t.used == 0 && len(kept) == 0 && t.table.Len() > 4096 {
		t.shrink()
	}
}

// shrink forgets an empty table after a spike. Generations go on from the highest ever used, which keeps I4.
func (t *slots) shrink() {
	for i := range t.table.Len() {
		t.past = max(t.past, t.table.At(i).gen)
	}
	t.table.Reset()
	t.free = nil
	t.quarantine = nil
}

// outlist is a queue of slots to flush. Entries whose slot has nothing pending any more are skipped.
type outlist struct {
	slots []uint32
	next  int
}

func (o *outlist) push(n uint32) { o.slots = append(o.slots, n) }

func (o *outlist) empty() bool { return o.next == len(o.slots) }

func (o *outlist) pop() uint32 {
	n := o.slots[o.next]
	o.next++
	switch {
	case o.next == len(o.slots):
		o.slots = o.slots[:0]
		o.next = 0
	case o.next >= 4096 && o.next > len(o.slots)/2:
		kept := copy(o.slots, o.slots[o.next:])
		o.slots = o.slots[:kept]
		o.next = 0
	}
	return n
}

func (o *outlist) trim() {
	if len(o.slots) == 0 && cap(o.slots) > 4096 {
		o.slots = nil
	}
}
