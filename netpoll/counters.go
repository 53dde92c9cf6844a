package netpoll

// Reason says why counted frames were dropped.
type Reason uint8

const (
	// DropOverflow: the connection's queue was over its limit.
	DropOverflow Reason = iota
	// DropClosed: the connection ended with frames still queued.
	DropClosed
	// DropBudget: the connection was given up to keep all queues within their budget.
	DropBudget
	// Reasons is how many there are.
	Reasons
)

// Counters is what one reactor has counted since its start. For the counted frames the ledger is
//
//	Matched = Delivered + HandedBack + Dropped[...] + Queued
//
// at any moment between two tasks, with Queued taken from the queues themselves and not from the other numbers.
type Counters struct {
	Matched    uint64
	Delivered  uint64
	HandedBack uint64
	Dropped    [Reasons]uint64
	Queued     uint64

	// Connections are open now, without listeners.
	Connections uint64
	// Blocked is how many of them have a full socket.
	Blocked uint64
	// QueuedBytes is the memory of what waits to be sent; what connections share counts once.
	QueuedBytes uint64
	// BytesIn were received.
	BytesIn uint64
	// BytesOut were sent.
	BytesOut uint64
	// Reads are system calls that received.
	Reads uint64
	// Sends are system calls that sent.
	Sends uint64
	// FullSockets is how often a send found the socket full.
	FullSockets uint64
	// Turns of the reactor.
	Turns uint64
	// AcceptPauses is how often accepting paused for want of descriptors or memory.
	AcceptPauses uint64
	// Panics of the handler and of tasks, recovered.
	Panics uint64
}

// Count returns the reactor's counters. Queued is read from the queues.
func (r *Reactor) Count() Counters {
	c := r.count
	c.Connections = uint64(r.slots.used - r.listen.open)
	c.QueuedBytes = uint64(r.log.batches.held)
	for i := range r.slots.table.Len() {
		s := r.slots.table.At(i)
		if s.flags&inUse == 0 {
			continue
		}
		c.Queued += uint64(r.log.nodes[s.head].counted)
		if s.back != 0 {
			c.Blocked++
			c.Queued += uint64(r.backlogs.all[s.back].counted())
		}
	}
	return c
}
