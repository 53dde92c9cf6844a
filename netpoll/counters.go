package netpoll

import "time"

// Reason says why counted frames were dropped.
type Reason uint8

const (
	// DropOverflow: the connection's queue was over its limit.
	DropOverflow Reason = iota
	// DropClosed: the connection ended with frames still queued.
	DropClosed
	// DropBudget: the connection was given up to keep all queues within their budget.
	DropBudget
	// DropTrimmed: the connection lagged, and what it missed was not kept for long enough.
	DropTrimmed
	// DropSuperseded: the connection lagged, and what it missed was out of date.
	DropSuperseded
	// DropSkipped: the connection was behind with frames that nobody keeps.
	DropSkipped
	// Reasons is how many there are.
	Reasons
)

// Ledger accounts for every counted frame and connection that it was for. At any moment between two tasks
//
//	Matched = Delivered + HandedBack + Dropped[...] + Queued
//
// with Queued read from the queues themselves and not computed from the other numbers.
type Ledger struct {
	// Matched are pairs of a frame and a connection that it was for.
	Matched uint64
	// Delivered to the socket.
	Delivered uint64
	// HandedBack with the connection to a new owner, who sends them.
	HandedBack uint64
	// Dropped by reason.
	Dropped [Reasons]uint64
	// Queued are neither.
	Queued uint64
}

// Traffic counts bytes and system calls.
type Traffic struct {
	// BytesIn were received.
	BytesIn uint64
	// BytesOut were sent.
	BytesOut uint64
	// Reads are system calls that received.
	Reads uint64
	// Sends are system calls that sent.
	Sends uint64
}

// Counters is what one reactor has counted since its start, and what it has now.
type Counters struct {
	Ledger
	Traffic
	// Connections are open now, without listeners.
	Connections uint64
	// Blocked is how many of them have a full socket.
	Blocked uint64
	// QueuedBytes is the memory of what waits to be sent, as Sender.HeldBytes has it.
	QueuedBytes uint64
	// FullSockets is how often a send found the socket full.
	FullSockets uint64
	// Turns of the reactor.
	Turns uint64
	Work
	// AcceptPauses is how often accepting paused for want of descriptors or memory.
	AcceptPauses uint64
	// Panics of the handler and of tasks, recovered.
	Panics uint64
}

// Work is how much of its time a reactor works.
type Work struct {
	// Up is how long it has been there, and Busy how long of that it has not waited.
	Up, Busy time.Duration
	// LongestTurn is how long the longest turn took of the last ten seconds, or a little more; of one that is over.
	LongestTurn time.Duration
}

// sendCounters is what a Sender counts.
type sendCounters struct {
	Ledger
	departures  departures
	fullSockets uint64
	// written is how many bytes the present run of flush has sent.
	written int
}
