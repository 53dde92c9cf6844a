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
		p.commands.answer(reply{Do: doConnect, Count: c.ready, Nanos: p.clock.now() - c.began})
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
		s.both = &both{expect: startAt(c.plan.From)}
	}
	if !c.plan.Subscribe {
		s.writer = &writer{fd: int32(fd)}
	}
	p.spokes = append(p.spokes, s)
}

// greet follows the handshake: it says what the server must hear, and subscribes.
func (p *process) greet(s *spoke) {
	plan := &p.connector.plan
	words := plan.Dialect.appendGreeting(nil)
	if plan.Subscribe {
		var ack []byte
		if plan.Ack {
			ack = []byte("s")
		}
		if plan.Both {
			words = plan.Dialect.appendSubscribe(words, 0, nil)
		}
		words = plan.Dialect.appendSubscribe(words, s.topic, ack)
	}
	s.state = stateSubscribing
	p.say(s, words)
	if !plan.Subscribe || !plan.Ack {
		p.isReady(s)
	}
}

func (p *process) isReady(s *spoke) {
	s.state = stateReady
	p.connector.opening--
	p.connector.ready++
	p.tally.ready.Add(1)
	if s.checked {
		p.groups[s.group].join(s.topic)
	}
}
