package fanout

func (st *Stats) addCluster(c *cluster) {
	if c == nil {
		return
	}
	if c.link.isUp.Load() {
		st.BrokerUp = 1
	}
	if c.link.state().Degraded != nil {
		st.BrokerDegraded = 1
	}
	st.BrokerNodes = uint64(c.nodes.count())
	n := &c.counts
	st.BrokerPublished, st.BrokerAppended, st.BrokerDropped = n.published.Load(), n.appended.Load(), n.dropped.Load()
	st.BrokerReceived, st.BrokerRefilled, st.BrokerRepeated = n.received.Load(), n.refilled.Load(), n.repeated.Load()
	st.BrokerLosses, st.BrokerGarbage = n.losses.Load(), n.garbage.Load()
	st.BrokerWaiting = uint64(max(c.outbox.held.Load()+c.appends.held.Load(), 0))
	st.BrokerKeys = uint64(max(c.interest.counts.keys.Load(), 0))
	st.BrokerStreams = uint64(max(c.interest.counts.streams.Load(), 0))
}

// heldBytes is the memory of what waits for the broker or has come from it, and of what it is asked for: none once it has ended. Any goroutine
// may call it.
func (c *cluster) heldBytes() int64 {
	if c == nil || c.running.ctx.Err() != nil {
		return 0
	}
	return max(c.outbox.held.Load()+c.appends.held.Load()+c.roster.box.held.Load()+c.interest.counts.held.Load(), 0)
}
