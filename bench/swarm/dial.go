//go:build linux

package swarm

// dialMore keeps as many connections opening as are allowed at once, and answers the command when all are ready.
func (p *process) dialMore() {
	c := p.connector
	if c == nil {
		return
	}
	for c.opened < c.plan.Count && c.opening < connectsAtOnce {
		p.dialOne(c)
	}
	if c.finished() {
		p.connector = nil
		p.parent.answers.Encode(reply{Do: doConnect, Count: c.ready, Nanos: p.clock.read() - c.began})
	}
}

func (p *process) dialOne(c *connector) {
	index := c.opened
	c.opened++
	fd, err := c.dial(index)
	if err == nil {
		err = p.poller.add(fd, int32(len(p.spokes)))
	}
	if err != nil {
		c.failed++
		p.groups[c.plan.Group].closed(err.Error())
		return
	}
	c.opening++
	s := spoke{fd: int32(fd), group: uint8(c.plan.Group), topic: c.topic(index)}
	s.checked = c.plan.Subscribe
	s.expect = startAt(c.plan.From)
	if c.plan.Both {
		s.second = &secondTopic{expect: startAt(c.plan.From)}
	}
	if !c.plan.Subscribe {
		s.writer = &writer{fd: int32(fd)}
	}
	p.spokes = append(p.spokes, s)
}

// connected follows the handshake: it sends what the dialect begins with, and subscribes.
func (p *process) connected(s *spoke) {
	plan := &p.connector.plan
	first := plan.Dialect.appendConnect(nil)
	if plan.Subscribe {
		var ack []byte
		if plan.Ack {
			ack = []byte("s")
		}
		if plan.Both {
			first = plan.Dialect.appendSubscribe(first, 0, nil)
		}
		first = plan.Dialect.appendSubscribe(first, s.topic, ack)
	}
	s.state = stateSubscribing
	p.send(s, first)
	if !plan.Subscribe || !plan.Ack {
		p.subscribed(s)
	}
}

func (p *process) subscribed(s *spoke) {
	s.state = stateReady
	p.connector.opening--
	p.connector.ready++
	p.tally.ready.Add(1)
	if s.checked {
		p.groups[s.group].join(s.topic)
	}
}
