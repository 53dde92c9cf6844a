package netpoll

// gate has what is queued for a connection wait, as far as it has not left.
func (m *queueModel) gate(c *modelConn) {
	m.r.sender.Gate(c.slot)
	c.gated = c.gated || !c.left
}

func (m *queueModel) ungate(c *modelConn) {
	m.r.sender.Ungate(c.slot)
	m.r.passOnNotices()
	c.queue = append(c.queue, c.behind...)
	c.gated, c.behind = false, nil
	m.sync(c)
}

// sendAhead queues a frame ahead of what waits behind the gate.
func (m *queueModel) sendAhead(c *modelConn, class byte) {
	f := m.frame(class, true)
	fitted := c.accepts(f)
	refused := !m.r.sender.SendAhead(c.slot, f)
	m.r.passOnNotices()
	if c.left {
		if !refused {
			m.t.Fatalf("slot %d: got a frame taken by a connection that has left, want it refused", c.slot)
		}
		return
	}
	m.offered(c, f, fitted, true)
	if refused != c.refusing {
		m.t.Fatalf("slot %d: got refused %v, want %v", c.slot, refused, c.refusing)
	}
}
