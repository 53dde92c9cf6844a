//go:build linux

package swarm

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// takeCommands obeys every command that is there.
func (p *process) takeCommands() error {
	commands, err := p.commands.read()
	if err != nil {
		return err
	}
	for _, c := range commands {
		if err := p.obey(c); err != nil {
			if err := p.commands.answer(reply{Do: c.Do, Error: err.Error()}); err != nil {
				return err
			}
		}
	}
	p.quitting = p.quitting || p.commands.ended
	return nil
}

func (p *process) obey(c command) error {
	done := reply{Do: c.Do}
	switch c.Do {
	case doConnect:
		return p.connect(*c.Plan)
	case doPublish:
		if err := p.publish(c.Publish, c.Here); err != nil {
			return err
		}
	case doPause:
		done.Sent = p.pause()
	case doMark:
		for _, g := range p.groups {
			g.latency.Reset()
		}
	case doStall:
		done.Count = p.stall(c.Group, c.Every)
	case doResume:
		done.Count = p.resume(c.Group)
	case doReport:
		groups, err := p.report(c)
		if err != nil {
			return err
		}
		done.Groups = groups
	case doHangUp:
		p.hangUp()
	case doQuit:
		p.quitting = true
	default:
		return fmt.Errorf("unknown command %q", c.Do)
	}
	return p.commands.answer(done)
}

func (p *process) connect(plan Plan) error {
	if plan.Group < 0 || plan.Group >= MaxGroups {
		return fmt.Errorf("group %d is not below %d", plan.Group, MaxGroups)
	}
	connector, err := newConnector(plan, p.clock.now())
	if err != nil {
		return err
	}
	p.connector = connector
	g := p.groups[plan.Group]
	g.plan = plan
	g.payload = payloadLength(plan.FirstTopic, plan.Size)
	p.spokes = slices.Grow(p.spokes, plan.Count)
	return nil
}

// payloadLength is the length of the payload member in an envelope of size bytes.
func payloadLength(topic, size int) int {
	whole := appendEnvelope(nil, tick{topic: uint32(topic)}, size)
	return len(whole) - findStamp(whole) - len(`}`)
}

func (p *process) publish(asked *Publication, here bool) error {
	g := p.groups[asked.Group]
	g.window = nil
	if asked.Kind == PublishWindow {
		g.countWindow(asked)
	}
	if !here {
		return nil
	}
	writers := p.writers(asked.Writers)
	if len(writers) == 0 {
		return fmt.Errorf("group %d has no connection that writes", asked.Writers)
	}
	dialect := p.groups[asked.Writers].plan.Dialect
	var made publisher
	switch asked.Kind {
	case PublishWindow:
		p.windowed = true
		made = newWindowPublisher(asked, dialect, p.board, writers[0])
	case PublishRate:
		made = newRatePublisher(asked, dialect, writers[0], p.clock.now())
	case PublishFlood:
		made = newFloodPublisher(asked, dialect, writers, p.tally)
	case PublishChurn:
		made = newChurnPublisher(asked, writers, p.tally, p.clock.now())
	default:
		return fmt.Errorf("unknown kind of publisher %q", asked.Kind)
	}
	p.publishers[asked.Group] = made
	return nil
}

// writers gives the living connections of a group that write.
func (p *process) writers(group int) (found []*writer) {
	for i := range p.spokes {
		s := &p.spokes[i]
		if int(s.group) == group && s.writer != nil && s.state == stateReady {
			found = append(found, s.writer)
		}
	}
	return found
}

// pause ends all publishers, and tells how many events each group was sent.
func (p *process) pause() []uint64 {
	sent := make([]uint64, MaxGroups)
	for i, publisher := range p.publishers {
		if publisher != nil {
			sent[i] = publisher.published()
			p.publishers[i] = nil
		}
	}
	return sent
}

// stall makes one spoke in every so many stop reading.
func (p *process) stall(group, every int) (stalled int) {
	subscribers := 0
	for i := range p.spokes {
		s := &p.spokes[i]
		if int(s.group) != group || !s.listening() {
			continue
		}
		if subscribers++; subscribers%every == 0 {
			p.poller.remove(int(s.fd))
			s.state = stateStalled
			stalled++
		}
	}
	return stalled
}

// resume lets stalled spokes read again, unchecked, so that what the server said to them at the end is seen.
func (p *process) resume(group int) (resumed int) {
	for i := range p.spokes {
		s := &p.spokes[i]
		if int(s.group) != group || s.state != stateStalled {
			continue
		}
		s.state = stateReady
		s.checked = false
		if p.poller.add(int(s.fd), int32(i)) == nil {
			resumed++
		}
	}
	return resumed
}

func (p *process) report(c command) ([]groupReply, error) {
	if c.Final {
		p.finish(c.Sent)
	}
	replies := make([]groupReply, MaxGroups)
	for i, g := range p.groups {
		reply, err := g.reply()
		if err != nil {
			return nil, err
		}
		replies[i] = reply
	}
	return replies, nil
}

// finish counts what the healthy subscribers still miss of the events that were sent to each group.
func (p *process) finish(sent []uint64) {
	for i := range p.spokes {
		s := &p.spokes[i]
		g := p.groups[s.group]
		if s.listening() && int(s.group) < len(sent) {
			s.expect.finish(topicSent(sent[s.group], max(g.plan.Topics, 1), int(s.topic)-g.plan.FirstTopic), &g.faults)
		}
	}
}

// hangUp closes every connection at once, without a word.
func (p *process) hangUp() {
	for i := range p.spokes {
		s := &p.spokes[i]
		if s.state != stateClosed {
			s.state = stateClosed
			unix.Close(int(s.fd))
		}
	}
	p.spokes = p.spokes[:0]
	p.tally.ready.Store(0)
}
