package fanout

import "iter"

// Memory is what a hub holds for its clients, in bytes, by kind. Its sum is what Config.MemoryBudget bounds. Besides it the process
// needs a few hundred bytes for each connection, and what Go's collector leaves as garbage.
type Memory struct {
	// Queues are frames that wait to be sent. Frames that many queues share count once.
	Queues uint64
	// Messages have arrived in part: a frame, or a message in fragments. Or they wait for room where they are relayed to.
	Messages uint64
	// Inboxes hold events that wait for callbacks and listeners.
	Inboxes uint64
	// Subscriptions are topics with subscribers, and who they are; where topics have presence, also their users and who is told.
	Subscriptions uint64
	// Handshakes are requests that have arrived in part, and those that wait for OnHandshake with what came behind them.
	Handshakes uint64
	// TLS is what TLS takes besides some kilobytes for each idle connection: handshakes under way, records that sockets have not taken, the
	// buffers of connections whose clients have sent long records, and what reads connections whose TLS was made elsewhere.
	TLS uint64
	// HTTP is an estimate of what net/http takes for Stats.HTTPConnections.
	HTTP uint64
	// Streams is what is kept of types with history, and where spokes are in it that lag.
	Streams uint64
	// Broker is what waits for the broker and has yet to be looked at of what other hubs tell, and the list of what it is asked for.
	Broker uint64
	// Reserved is what Hub.Reserve has counted.
	Reserved uint64
}

// ByKind yields each kind with its bytes, in the order of the fields.
func (m Memory) ByKind() iter.Seq2[string, uint64] {
	return func(yield func(string, uint64) bool) {
		for _, kind := range [...]struct {
			name  string
			bytes uint64
		}{
			{"queues", m.Queues}, {"messages", m.Messages}, {"inboxes", m.Inboxes}, {"subscriptions", m.Subscriptions},
			{"handshakes", m.Handshakes}, {"tls", m.TLS}, {"http", m.HTTP}, {"streams", m.Streams}, {"broker", m.Broker}, {"reserved", m.Reserved},
		} {
			if !yield(kind.name, kind.bytes) {
				return
			}
		}
	}
}

// Total is the sum of all kinds.
func (m Memory) Total() uint64 {
	total := uint64(0)
	for _, bytes := range m.ByKind() {
		total += bytes
	}
	return total
}

// Largest is the kind that has most, and how many bytes those are.
func (m Memory) Largest() (kind string, bytes uint64) {
	for name, n := range m.ByKind() {
		if n > bytes || kind == "" {
			kind, bytes = name, n
		}
	}
	return kind, bytes
}

// Reserve counts bytes that the embedder is about to hold on behalf of a peer, such as the body of a request, and reports false
// if they are negative or don't fit into Config.MemoryBudget, or all reservations not into half of it: then the embedder should refuse the
// peer. Give back with Unreserve what was reserved. Any goroutine may call it. It does not wait.
func (h *Hub) Reserve(bytes int64) bool {
	if bytes < 0 {
		return false
	}
	reserved := h.shared.reserved.Add(bytes)
	if reserved <= h.cfg.MemoryBudget/2 && h.heldBytes() <= h.cfg.MemoryBudget {
		return true
	}
	h.shared.reserved.Add(-bytes)
	return false
}

// Unreserve gives back what Reserve has counted. Any goroutine may call it.
func (h *Hub) Unreserve(bytes int64) { h.shared.reserved.Add(-bytes) }

// heldBytes is the memory of all kinds, as of each loop's last turn. Any goroutine may call it.
func (h *Hub) heldBytes() int64 { return h.connectionBytes() + h.streams.held() }

// connectionBytes is heldBytes without what streams take.
func (h *Hub) connectionBytes() int64 {
	held := h.shared.heldBytes.Load() + h.shared.reserved.Load() + h.admission.httpBytes.Load() + h.presence.heldBytes() + h.cluster.heldBytes()
	for _, l := range h.loops {
		held += l.shared.inboxBytes.Load()
	}
	return held
}

// loopMemory is what a loop's connections hold of the kinds that nobody else counts, and the search for those who hold most. It
// belongs to the loop's goroutine.
//
// I1: messages is the sum of what the loop's spokes are charged for unfinished messages.
type loopMemory struct {
	messages int64
	// owed is the length of all answers that are owed to spokes, and of those that are not complete.
	owed int
	// checkAt is how large messages may become before the budget is enforced in the middle of a turn.
	checkAt int64
	// tight says that the budget was exceeded at the end of the last turn.
	tight  bool
	room   inboxRoom
	search holderSearch
}

// heldBytes is the memory that the loop's connections hold, without their inboxes.
func (l *loop) heldBytes() int64 {
	return int64(l.reactor.HeldBytes()+l.reactor.TLSBytes()+l.conns.memory.owed+l.part.Held()+l.users.Held()+l.presence.heldBytes()+l.conns.requests.held+l.conns.inquiries.held+l.flow.lags.memory()) + l.conns.memory.messages + l.flow.kept
}

// addMemory adds what the loop's connections hold. It is for the loop's goroutine.
func (st *Stats) addMemory(l *loop) {
	m := &st.Memory
	m.Queues += uint64(l.reactor.HeldBytes() + l.conns.memory.owed)
	m.TLS += uint64(l.reactor.TLSBytes())
	m.Messages += uint64(l.conns.memory.messages + l.flow.kept)
	m.Subscriptions += uint64(l.part.Held() + l.users.Held() + l.presence.heldBytes())
	m.Handshakes += uint64(l.conns.requests.held + l.conns.inquiries.held)
	m.Streams += uint64(l.flow.lags.memory())
}

// addShared adds what is counted for any goroutine.
func (m *Memory) addShared(h *Hub) {
	m.Subscriptions += uint64(max(h.presence.heldBytes(), 0))
	inboxes := int64(0)
	for _, l := range h.loops {
		inboxes += l.shared.inboxBytes.Load()
	}
	m.Inboxes = uint64(max(inboxes, 0))
	m.HTTP = uint64(max(h.admission.httpBytes.Load(), 0))
	m.Streams += uint64(max(h.streams.held(), 0))
	m.Broker = uint64(h.cluster.heldBytes())
	m.Reserved = uint64(max(h.shared.reserved.Load(), 0))
}

// heldBy is how much memory a connection holds that closing it frees: its running inbox is left out, which a worker may have, and so
// is what room its pending inbox and its request have in buffers that were used before.
func (l *loop) heldBy(s *Spoke) int {
	slot := s.conn.Slot
	held := l.reactor.HeldBy(slot) + int(s.charged) + int(s.kept) + l.conns.unanswered[s].owedBytes()
	if s.pendingInbox != nil {
		held += s.pendingInbox.waiting()
	}
	switch s.phase {
	case handshaking:
		held += l.conns.requests.heldBy(slot) + l.conns.inquiries.bySlot[slot].heldBytes()
	case open:
		held += l.part.HeldBy(slot) + l.presence.heldBy(s) + l.flow.lags.heldBy(s)
	}
	return held
}
