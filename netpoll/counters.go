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

	Connections  uint64
	Blocked      uint64
	QueuedBytes  uint64
	BytesIn      uint64
	BytesOut     uint64
	Reads        uint64
	Sends        uint64
	FullSockets  uint64
	Turns        uint64
	AcceptPauses uint64
}
