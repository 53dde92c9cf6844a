package netpoll

import "time"

// Path is what the kernel knows of the way to a peer, and of how the peer reads.
type Path struct {
	// RTT, RTTVar and MinRTT are round-trip times: the smoothed one, its variation, and the least so far.
	RTT, RTTVar, MinRTT time.Duration
	// SegmentSize is how many bytes a full segment has, Window how many segments may be on the way at a time.
	SegmentSize, Window int
	// Unacked segments are on the way. Resent is how many segments were sent again since the connection began.
	Unacked, Resent int
	PathBytes
	PathTimes
}

// PathBytes are a path's counts of bytes.
type PathBytes struct {
	// InFlight are sent and not acknowledged, NotSent are yet to be sent for the first time.
	InFlight, NotSent int
	// PeerWindow is how much the peer takes at a time: in flight, and beyond.
	PeerWindow int
	// In and Out are what came and what the peer has acknowledged since the connection began.
	In, Out uint64
}

// PathTimes are how long something took since the connection began.
type PathTimes struct {
	// Busy is for how long there was something to send. Of that, sending waited for the peer's window for PeerLimited, and for the socket's buffer
	// for BufferLimited.
	Busy, PeerLimited, BufferLimited time.Duration
}
