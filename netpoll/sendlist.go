package netpoll

// sendLists are the connections that have something to flush, in two queues: express for small fan-outs and single
// frames, bulk for giant ones, so that a small one does not wait for a giant to end. Sender.flush works them off. They belong to the Sender.
//
// I1: a connection stands in a list at most once, and its inExpress or inBulk says so.
// I2: an entry whose connection has nothing to send any more is skipped when it is popped.
type sendLists struct {
	express sendList
	bulk    sendList
	// collect decides whether they are worked off now.
	collect collector
}

// maxExpressMembers is up to how many members a fan-out is flushed ahead of giants.
const maxExpressMembers = 64

// listFor is the list for a fan-out to so many members, by its flag.
func listFor(members int) sendState {
	if members <= maxExpressMembers {
		return inExpress
	}
	return inBulk
}

// push lists a connection. One that stands in the express list is not listed as bulk, too.
func (l *sendLists) push(slot uint32, c *connQueue, in sendState) {
	switch {
	case in == inExpress && c.state&inExpress == 0:
		c.state |= inExpress
		l.express.push(slot)
	case in == inBulk && c.state&listed == 0:
		c.state |= inBulk
		l.bulk.push(slot)
	}
}

func (l *sendLists) empty() bool { return l.express.empty() && l.bulk.empty() }

func (l *sendLists) trim() {
	l.express.trim()
	l.bulk.trim()
}

// sendList is a queue of slots.
type sendList struct {
	slots []uint32
	next  int
}

// largeList is the length above which a list is moved up or dropped rather than kept.
const largeList = 4096

func (l *sendList) push(slot uint32) { l.slots = append(l.slots, slot) }

func (l *sendList) empty() bool { return l.next == len(l.slots) }

func (l *sendList) pop() uint32 {
	slot := l.slots[l.next]
	l.next++
	switch {
	case l.next == len(l.slots):
		l.slots = l.slots[:0]
		l.next = 0
	case l.next >= largeList && l.next > len(l.slots)/2:
		kept := copy(l.slots, l.slots[l.next:])
		l.slots = l.slots[:kept]
		l.next = 0
	}
	return slot
}

func (l *sendList) trim() {
	if len(l.slots) == 0 && cap(l.slots) > largeList {
		l.slots = nil
	}
}
