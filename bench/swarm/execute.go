//go:build linux

package swarm

import (
	"encoding/json"
	"fmt"
	"slices"
)

// parent is the other end of the process's stdin and stdout.
type parent struct {
	commands *json.Decoder
	answers  *json.Encoder
	// done is true once there will be no more commands.
	done bool
}

// runCommand executes the command that has come. The parent sends the next one once it has the answer, and a command is short enough
// to come at once. A connect is answered later, by dialMore.
func (p *process) runCommand() error {
	var c command
	if err := p.parent.commands.Decode(&c); err != nil {
		p.parent.done = true
		return nil
	}
	done := reply{Do: c.Do}
	var err error
	switch c.Do {
	case doConnect:
		if err = p.connect(*c.Plan); err == nil {
			return nil
		}
	case doPublish:
		err = p.publish(c.Publish, c.Here)
	case doPause:
		done.Sent = p.pause()
	case doMark:
		for _, g := range p.groups {
			g.mark()
		}
	case doStall:
		done.Count = p.stall(c.Group, c.Every)
	case doResume:
		done.Count = p.resume(c.Group)
	case doReport:
		done.Groups = p.report(c.Sent)
	}
	if err != nil {
		done.Error = err.Error()
	}
	return p.parent.answers.Encode(done)
}

func (p *process) connect(plan Plan) error {
	if plan.Group < 0 || plan.Group >= MaxGroups {
		return fmt.Errorf("group %d is not below %d", plan.Group, MaxGroups)
	}
	connector, err := newConnector(plan, p.clock.read())
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
	asked.Topics = max(asked.Topics, 1)
	p.groups[asked.Group].count(asked)
	if !here {
		return nil
	}
	writers := p.writers(asked.Writers)
	if len(writers) == 0 {
		return fmt.Errorf("group %d has no connection that writes", asked.Writers)
	}
	first, now := writers[0], p.clock.read()
	next := source{asked, p.groups[asked.Writers].plan.Dialect, asked.From}
	var made publisher
	switch asked.Kind {
	case PublishWindow:
		p.windowed = true
		made = &windowPublisher{source: next, writer: first, counters: p.counters, base: asked.From - p.counters.Completed()}
	case PublishRate:
		made = &ratePublisher{source: next, start: now, writers: writers[:1]}
		if asked.Spread {
			made = &ratePublisher{source: next, start: now, writers: writers}
		}
	case PublishFlood:
		made = &floodPublisher{source: next, writers: writers, pings: p.tally.answered.Load(), tally: p.tally}
	case PublishChurn:
		made = &churnPublisher{Publication: asked, pairs: max(asked.Batch/2, 1), start: now, writers: writers, tally: p.tally}
	default:
		return fmt.Errorf("unknown kind of publisher %q", asked.Kind)
	}
	p.publishers[asked.Group] = made
	return nil
}

// writers are the ready connections of a group that write.
func (p *process) writers(group int) (found []*writer) {
	for i := range p.spokes {
		s := &p.spokes[i]
		if int(s.group) == group && s.writer != nil && s.state == stateReady {
			found = append(found, s.writer)
		}
	}
	return found
}

// pause ends all publishers, and returns how many events each group was sent.
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

// resume lets stalled spokes read again, unchecked, so that the last frames from the server are seen, and slow ones all that comes.
func (p *process) resume(group int) (resumed int) {
	resumed = p.speedUp(p.groups[group])
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

// report returns the counters of every group. With sent, healthy subscribers lack what they have not received of it.
func (p *process) report(sent []uint64) (reports []Report) {
	for i := range p.spokes {
		s := &p.spokes[i]
		g := p.groups[s.group]
		switch {
		case !s.listening() || int(s.group) >= len(sent):
		case s.rooms != nil:
			s.rooms.finish(sent[s.group], &g.Faults)
		default:
			s.expect.finish(topicSent(sent[s.group], max(g.plan.Topics, 1), int(s.topic)-g.plan.FirstTopic), &g.Faults)
		}
	}
	for _, g := range p.groups {
		reports = append(reports, g.Report)
	}
	return reports
}
