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
type sendState uint16

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
	// hasLeft: it is passed over by Fanout and Send, and what they bring is not for it.
	hasLeft
	// hasLast: its last queued frame is that of SendLast, and none comes behind it.
	hasLast
	// gated: what Fanout and Send bring it waits behind a gate.
	gated
	// failing: a send has failed, maybe within a frame, so that nothing more may go out.
	failing
	// lagging: what Fanout and Send bring it is left to the handler (lag.go).
	lagging
	// passedOver: the frame that is being queued, or was last, has been left to the handler.
	passedOver
)

// closedToFrames: it takes none of what Fanout and Send bring.
const closedToFrames = refusing | hasLeft

// diverted: Fanout and Send do not simply add what they bring to what is pending.
const diverted = closedToFrames | gated | lagging

// listed: a list names it.
const listed = inExpress | inBulk
