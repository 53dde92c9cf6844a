package netpoll

import "time"

// Sockets says how the kernel treats connections, on Linux. Zero leaves a setting to the system.
type Sockets struct {
	// SendBuffer is SO_SNDBUF in bytes.
	SendBuffer int
	// UnsentLimit is TCP_NOTSENT_LOWAT in bytes: what the kernel takes ahead of sending.
	UnsentLimit int
	// DeferAccept is how long the client may take for its first byte. If it is not zero, the kernel holds a connection
	// back from accept until that byte comes, for about a second at most (TCP_DEFER_ACCEPT).
	DeferAccept time.Duration
}
