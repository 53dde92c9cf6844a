package spoke

import (
	"context"
	"time"

	"github.com/coder/websocket"
	"github.com/spokehub/spokehub/event"
)

// maxControlBytes is how long the topics of one control event may be, about.
const maxControlBytes = 32 << 10

// write is the write goroutine: it writes what there is, in order, asks the hub now and then whether it is there, and ends the
// connection when the client is closed.
func (c *Client) write() {
	defer close(c.signals.written)
	pulse := time.NewTimer(c.cfg.PingInterval)
	defer pulse.Stop()
	var current *link
	for {
		message, l, isEvent := c.nextMessage()
		if l != current {
			current = l
			pulse.Reset(c.cfg.PingInterval)
		}
		switch {
		case message != nil:
			c.send(l, message, isEvent)
		case c.isClosing():
			if l != nil {
				l.ws.Close(websocket.StatusNormalClosure, "")
			}
			c.signals.cancel()
			return
		default:
			select {
			case <-c.signals.write:
			case <-pulse.C:
				pulse.Reset(c.checkPulse())
			case <-c.signals.ctx.Done():
				return
			}
		}
	}
}

func (c *Client) send(l *link, message []byte, isEvent bool) {
	l.writing.Store(true)
	err := l.ws.Write(context.Background(), websocket.MessageText, message)
	l.writing.Store(false)
	if err != nil {
		l.giveUp(err)
		c.lose(l)
		return
	}
	if isEvent {
		c.noteSent(l)
	}
}

// noteSent takes the event that is on the socket of l out of the outbox. If the connection has ended meanwhile, the calls of Flush that
// wait for the event are told.
func (c *Client) noteSent(l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outbox.sent()
	c.stats.Sent++
	c.signalRoom()
	if c.link != l {
		c.flushes.connectionLost(&c.outbox)
		c.wakeWriter()
	}
}

// lose has nothing more written to a connection that takes nothing. The run goroutine does the rest.
func (c *Client) lose(l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l.lost = true
}

// nextMessage returns what is to be written next: the token, topics, a probe, events. l is the
// connection, nil without one. An event stays in the outbox until it is sent.
func (c *Client) nextMessage() (message []byte, l *link, isEvent bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l = c.link
	if l == nil || l.lost {
		return nil, nil, false
	}
	if len(l.control) == 0 {
		c.fillControl(l)
	}
	if len(l.control) > 0 {
		message = l.control[0]
		l.control = l.control[1:]
		return message, l, false
	}
	if message = c.flushes.probe(c); message != nil {
		return message, l, false
	}
	if len(c.outbox.messages) > 0 {
		return c.outbox.messages[0], l, true
	}
	return nil, l, false
}

// fillControl makes the control events that are due. The caller holds mu.
func (c *Client) fillControl(l *link) {
	l.control = nil
	if message := c.token.message(c); message != nil {
		l.control = append(l.control, message)
	}
	subscribe, unsubscribe := c.topics.tell(c.cfg.MaxTopics, maxControlBytes)
	if len(unsubscribe) > 0 {
		c.ask(event.TypeUnsubscribe, unsubscribe, 0)
	}
	if len(subscribe) > 0 {
		c.ask(event.TypeSubscribe, subscribe, 0)
	}
	c.presence.unsubscribed(unsubscribe)
	c.tellPresence(l)
}

// ask makes a control event about topics. origin is that of an earlier one which it is a part of, or 0. The caller holds mu.
func (c *Client) ask(kind string, topics []*topic, origin uint64) {
	number := c.requests.add(&request{kind: kind, topics: topics, open: len(topics), origin: origin, reached: c.outbox.written})
	if kind == event.TypeSubscribe {
		for _, of := range topics {
			of.request = number
			if of.doubted == "" {
				of.become(asked)
			} else {
				of.phase = asked
			}
		}
	}
	c.link.control = append(c.link.control, appendControl(nil, kind, number, topicsPayload(topics, kind == event.TypeSubscribe)))
	c.wakeWriter()
}

// checkPulse asks the hub whether it is there if it has been silent for long, and gives the connection up if it has left
// that unanswered. It returns when to look again.
func (c *Client) checkPulse() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.link
	if l == nil || l.lost {
		return c.cfg.PingInterval
	}
	now, last := time.Since(l.raw.began), time.Duration(l.raw.lastRead.Load())
	if l.busy.Load() || last >= l.probed {
		l.probed = 0
	}
	switch {
	case l.busy.Load():
		return c.cfg.PingInterval
	case l.probed > 0 && now-l.probed >= c.cfg.PongTimeout:
		l.giveUp(ErrSilent)
		l.lost = true
		return c.cfg.PingInterval
	case l.probed > 0:
		return c.cfg.PongTimeout - (now - l.probed)
	case now-last < c.cfg.PingInterval:
		return c.cfg.PingInterval - (now - last)
	}
	l.probed = now
	c.flushes.pulse = true
	c.wakeWriter()
	return min(c.cfg.PingInterval, c.cfg.PongTimeout)
}
