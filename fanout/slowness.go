package fanout

import (
	"fmt"
	"time"
)

// SlowCause is the likely reason why a spoke did not keep up.
type SlowCause uint8

const (
	// SlowUnknown: nothing points to one of the others. It may have been a burst that was too fast for anybody, or a connection of which
	// the kernel tells nothing.
	SlowUnknown SlowCause = iota
	// SlowNetwork: the path does not take more: what was sent is not acknowledged yet, or was lost, or the kernel holds more back.
	SlowNetwork
	// SlowReader: the peer does not read: its receive window is closed.
	SlowReader
	// SlowLargeMessage: one message takes more than half of Config.QueueLimit, so that the next one hardly fits beside it.
	SlowLargeMessage
	// slowCauses is how many there are.
	slowCauses
)

var slowCauseNames = [slowCauses]string{SlowUnknown: "unknown", SlowNetwork: "network", SlowReader: "reader", SlowLargeMessage: "large_message"}

// String is its name: unknown, network, reader or large_message.
func (c SlowCause) String() string {
	if c < slowCauses {
		return slowCauseNames[c]
	}
	return fmt.Sprintf("cause %d", uint8(c))
}

// Slowness says how a spoke was doing when its queue had passed half of Config.QueueLimit, or when it was closed with 1013, and what was
// the likely cause.
type Slowness struct {
	// Cause is the likely one.
	Cause SlowCause
	// At is when this was found.
	At time.Time
	// IsClosed says that the spoke was closed for it. Otherwise its queue had passed half of the limit.
	IsClosed bool
	// Queued is what the queue counted for, as Backpressure.Queued, and Limit what it may.
	Queued, Limit int
	// Blocked is how long the socket had been full, to a tenth of a second.
	Blocked time.Duration
	// Samples are how many bytes were queued lately, since the socket is full, the oldest first.
	Samples []QueueSample
	// Topics are those that took most of the queue, the one with the most bytes first, five at most. They are read out of the queued
	// frames, as far as Looked says.
	Topics []TopicLoad
	// Frames is how many were queued, and Looked how many of them Topics were read from. Many spokes that are slow at the same time are not all
	// looked at, so that may be 0.
	Frames, Looked int
	// Largest is the length in bytes of the longest frame that was looked at, or of the one that did not fit.
	Largest int
	// Path is what the kernel knew of the connection, nil if that is nothing: Linux tells it of TCP.
	Path *Path
}

// QueueSample is how much a full socket had waiting at a moment.
type QueueSample struct {
	// Ago is how long before Slowness.At that was, to a tenth of a second.
	Ago time.Duration
	// Bytes were waiting.
	Bytes int
}

// TopicLoad is what a topic had in a queue. Messages of the hub itself have topics that begin with two underscores.
type TopicLoad struct {
	// Topic is the type and the id of the events.
	Topic string
	// Frames and Bytes are how many of them were queued.
	Frames, Bytes int
}

// Path is what the kernel knows of the way to a peer, and of how the peer reads (TCP_INFO).
type Path struct {
	// RTT, RTTVar and MinRTT are round-trip times: the smoothed one, its variation, and the least so far.
	RTT, RTTVar, MinRTT time.Duration
	// CongestionWindow is how many segments may be on the way, each of up to SegmentSize bytes, and Unacked how many were. Retransmits counts
	// segments that were sent again since the connection began.
	CongestionWindow, SegmentSize, Unacked, Retransmits int
	// NotSent are bytes that the kernel had taken and not sent, InFlight those that it had sent and the peer not acknowledged, and PeerWindow
	// what the peer takes in flight.
	NotSent, InFlight, PeerWindow int
	// Times are those of the connection since it began.
	Times PathTimes
}

// PathTimes say where the time of a connection has gone.
type PathTimes struct {
	// Busy is for how long there was something to send. Of that, sending waited for the peer's window for ReaderLimited, and for the socket's
	// buffer for BufferLimited.
	Busy, ReaderLimited, BufferLimited time.Duration
}

const (
	// largeShare: a frame of more than one part in so many of the limit is large.
	largeShare = 2
	// largePatience is for how long a large message alone explains a full socket.
	largePatience = 2 * time.Second
	// inflatedRTT and inflatedBy: a round trip that takes so much longer, and so many times as long as the least one, waits in a queue of the path.
	inflatedRTT = 50 * time.Millisecond
	inflatedBy  = 4
)

// likely is the likely cause, by what else is known.
func (w *Slowness) likely() SlowCause {
	isLarge := w.Largest > w.Limit/largeShare
	if isLarge && w.Blocked < largePatience {
		return SlowLargeMessage
	}
	switch cause := w.Path.likely(w.Blocked); {
	case cause != SlowUnknown:
		return cause
	case isLarge:
		return SlowLargeMessage
	}
	return SlowUnknown
}

// likely says what keeps the kernel from sending more. A window that has no room for another segment is the reader's doing, unless the path is so
// slow that it is full with what is on the way. An open one leaves the path.
func (p *Path) likely(blocked time.Duration) SlowCause {
	switch {
	case p == nil || p.NotSent+p.InFlight == 0:
		return SlowUnknown
	case p.PeerWindow-p.InFlight < p.SegmentSize:
		if p.isInflated() && p.InFlight > p.PeerWindow/2 {
			return SlowNetwork
		}
		return SlowReader
	case blocked > 0 || p.isInflated() || p.Retransmits > 0:
		return SlowNetwork
	}
	return SlowUnknown
}

// isInflated says that round trips take much longer than they would on an idle path.
func (p *Path) isInflated() bool { return p.RTT-p.MinRTT > inflatedRTT && p.RTT > inflatedBy*p.MinRTT }
