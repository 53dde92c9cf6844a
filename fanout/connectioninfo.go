package fanout

import "time"

// ConnectionInfo is what the hub knows of a spoke.
type ConnectionInfo struct {
	// ID is Spoke.ID.
	ID uint64
	// Address is the peer's, with its port.
	Address string
	// User is Identity.User.
	User string
	// IsUnidentified says that the spoke has yet to say who it is.
	IsUnidentified bool
	// Since is when it was connected, to the second. For one that is older than 194 days it is too late by a multiple of these.
	Since time.Time
	// Subprotocol is Spoke.Subprotocol.
	Subprotocol string
	// Queue is what waits for it.
	Queue ConnectionQueue
	// Traffic is what it has sent and received, nil where the kernel does not tell: Linux does for TCP.
	Traffic *ConnectionTraffic
	// Topics is how many it is subscribed to.
	Topics int
	// SomeTopics are ten of those at most.
	SomeTopics []string
	// Lagging are the types of the streams in which it is behind.
	Lagging []string
	// Slow is how it was doing when its queue last passed half of the limit, nil if it has not lately. It must not be changed.
	Slow *Slowness
}

// ConnectionQueue is what waits for a spoke.
type ConnectionQueue struct {
	// Bytes and Frames are not with the kernel yet.
	Bytes, Frames int
	// Blocked is for how long the socket has been full, to a tenth of a second; 0 if it is not.
	Blocked time.Duration
}

// ConnectionTraffic is what a connection has carried since it began, its handshakes and TLS included, as the kernel counts it. The hub counts nothing for each spoke:
// that would cost every idle one some bytes.
type ConnectionTraffic struct {
	// BytesIn were received, BytesOut sent and acknowledged by the peer.
	BytesIn, BytesOut uint64
}

// describe asks the loops about spokes and leaves those out that have ended meanwhile.
func (h *Hub) describe(ranks []rank) []ConnectionInfo {
	all := make([]*ConnectionInfo, len(ranks))
	for _, l := range h.loops {
		at := -1
		next := func() (*Spoke, bool) {
			if at++; at >= len(ranks) {
				return nil, false
			}
			if s := ranks[at].spoke; s.loop == l && s.phase == open {
				return s, true
			}
			return nil, true
		}
		l.sweep(next, func(s *Spoke) bool {
			all[at] = l.describe(s)
			return true
		})
	}
	page := make([]ConnectionInfo, 0, len(all))
	for _, info := range all {
		if info != nil {
			page = append(page, *info)
		}
	}
	return page
}

// describe is for the loop's goroutine, and an open spoke.
func (l *loop) describe(s *Spoke) *ConnectionInfo {
	slot := s.conn.Slot
	info := &ConnectionInfo{
		ID: s.id, Address: s.RemoteAddr().String(), User: s.Identity().User, IsUnidentified: s.marks&unidentified != 0,
		Since: s.came.time(), Subprotocol: s.Subprotocol(),
		Queue:  ConnectionQueue{Bytes: l.sender.Buffered(slot), Frames: l.sender.QueuedFrames(slot), Blocked: l.sender.BlockedFor(slot)},
		Topics: l.part.Count(slot), SomeTopics: l.part.AppendSome(nil, slot, someTopics),
		Slow: l.flow.slow.last[s],
	}
	if path, ok := l.reactor.Path(slot); ok {
		info.Traffic = &ConnectionTraffic{BytesIn: path.In, BytesOut: path.Out}
	}
	if g := l.flow.lags.bySpoke[s]; g != nil {
		for _, c := range g.cursors {
			info.Lagging = append(info.Lagging, c.typ)
		}
	}
	return info
}
