package netpoll

// connQueue is what the fan-out path touches of a connection: 12 bytes without pointers.
type connQueue struct {
	// node is where the connection's pending sequence ends in the pending tree; 0 when nothing is pending.
	node uint32
	// backlog is the number of its backlog; 0 unless the socket is full.
	backlog uint32
	state   sendState
}

// sendState is a set of flags of one connection.
type sendState uint8

const (
	// inExpress: the express list names the connection.
	inExpress sendState = 1 << iota
	// inBulk: the bulk list names it.
	inBulk
	// refusing: it takes no more frames but that of SendLast; all others are dropped and counted.
	refusing
	// refusedFrame: it has refused the frame that is being queued.
	refusedFrame
	// wantsDrained: the handler is to be told when nothing is left to send.
	wantsDrained
)

// listed: a list names it.
const listed = inExpress | inBulk
