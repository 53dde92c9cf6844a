//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spokehub/spokehub/event"
)

// streams are what the ledger knows of the streams of all hubs. Its lock guards them.
type streams struct {
	archives map[streamKey]*archive
	// now has the epoch of each type at the hub that runs.
	now map[string]string
}

// streamTallies count what happened with streams.
type streamTallies struct {
	// StreamPassed went down a line, StreamReplayed of them had been kept for who came back; StreamHeard reached a listener.
	StreamPassed   int `json:"stream_passed"`
	StreamReplayed int `json:"stream_replayed"`
	StreamHeard    int `json:"stream_heard"`
	// Resumed, Gapped and Renewed are the answers to clients that had a position: all of it follows, some is gone, or the epoch is another.
	Resumed int `json:"stream_resumed"`
	Gapped  int `json:"stream_gapped"`
	Renewed int `json:"stream_renewed"`
	// Gaps were told by clients with how many events are gone, Missed; UnknownGaps without.
	Gaps        int `json:"stream_gaps"`
	Missed      int `json:"stream_missed"`
	UnknownGaps int `json:"stream_unknown_gaps"`
	// Lags is how often a client fell behind at a hub, Told how many gaps hubs told in the place of events that they did not send.
	Lags int `json:"stream_lags"`
	Told int `json:"stream_told"`
}

// streamTotals is what happened so far.
func (l *ledger) streamTotals() streamTallies {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tallies.streamTallies
}

// lagged notes how often clients fell behind at a hub.
func (l *ledger) lagged(times int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tallies.Lags += times
}

// toldGap notes a gap that a hub tells a client.
func (l *ledger) toldGap() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tallies.Told++
}

// epochBegins notes the streams of a hub to which nothing has been published yet.
func (l *ledger) epochBegins(keys []streamKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range keys {
		l.streams.archives[key] = newArchive(key, &l.journal)
		l.streams.now[key.kind] = key.epoch
	}
}

// epochEnds notes that nothing more will be known of the streams of a hub but what passes.
func (l *ledger) epochEnds(keys []streamKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range keys {
		if a := l.streams.archives[key]; a != nil {
			a.over = true
		}
	}
	l.judgeTrailsLocked()
}

// observed notes the next event that the observer got.
func (l *ledger) observed(key streamKey, offset uint64, e number) {
	defer l.mu.Unlock()
	if !l.lock() {
		return
	}
	report := func(what string, e number) { l.problemLocked(what, nobody, e, nil) }
	a := l.streams.archives[key]
	a.see(offset, e, &l.journal, report)
	if !a.learn(offset, e) {
		report(fmt.Sprintf("the observer saw another event at %s:%d of %s than others", key.epoch, offset, key.kind), e)
	}
}

// unobserved notes offsets of which the hub told the observer that it does not get them.
func (l *ledger) unobserved(key streamKey, s span) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.streams.archives[key].skip(s)
}

// askedFrom notes from where a client asks for its topics.
func (l *ledger) askedFrom(p *passage, topics []string, since map[string]event.Position) {
	defer l.mu.Unlock()
	if !l.lock() {
		return
	}
	for _, t := range p.owner.trails {
		if slices.Contains(topics, t.topic) {
			p.kept.asked(t.topic, since[t.topic])
			t.ask(since[t.topic], l.reporterLocked(p))
		}
	}
}

// reporterLocked makes a function that notes problems of a line.
func (l *ledger) reporterLocked(p *passage) func(what string, e number) {
	return func(what string, e number) { l.problemLocked(what, p.owner.client, e, p) }
}

// answered notes what an ack says of the streams of its topics.
func (l *ledger) answered(p *passage, topics []string, answers map[string]answer) {
	defer l.mu.Unlock()
	if !l.lock() {
		return
	}
	report := l.reporterLocked(p)
	for _, t := range p.owner.trails {
		if !slices.Contains(topics, t.topic) {
			continue
		}
		a, is := answers[t.topic]
		if !is {
			report(fmt.Sprintf("the hub gave no position to %s", t.topic), number{})
			continue
		}
		p.kept.answered(t.kind, a)
		l.answerLocked(p, t, a, report)
	}
}

func (l *ledger) answerLocked(p *passage, t *trail, a answer, report func(what string, e number)) {
	since := p.kept.since[t.topic]
	isKnown := since.Epoch == a.Epoch && since.Offset <= a.Offset
	switch {
	case isKnown != (a.Result != event.Fresh):
		report(fmt.Sprintf("the hub answered who asked for %s from %v with %+v", t.topic, since, a), number{})
	case since.Epoch == "":
		t.start = &firstAnswer{position: a.position(), passage: p, after: p.last}
	case a.Result == event.Resumed:
		l.tallies.Resumed++
	case a.Result == event.Fresh:
		l.tallies.Renewed++
		t.renewals = append(t.renewals, a.position())
	default:
		l.tallies.Gapped++
		if t.kind == orderType {
			report(fmt.Sprintf("the hub has lost events of %s, of which it keeps everything: asked from %v it answered %+v", t.topic, since, a), number{})
		}
	}
}

// streamPassed notes an event of a stream that is about to reach a client.
func (l *ledger) streamPassed(p *passage, kind string, offset uint64, e number) {
	defer l.mu.Unlock()
	if !l.lock() {
		return
	}
	report := l.reporterLocked(p)
	part := p.kept.parts[kind]
	l.tallies.StreamPassed++
	switch {
	case !slices.Contains(p.owner.topics, kind) && !slices.Contains(p.owner.topics, e.name()):
		report("the hub sent an event that the client has not subscribed to", e)
		return
	case part == nil:
		report("the hub sent an event of a stream ahead of its answer", e)
		return
	case offset <= part.last:
		report(fmt.Sprintf("the hub sent %s:%d of %s twice or out of order on one line", part.epoch, offset, kind), e)
	}
	part.last = max(part.last, offset)
	if offset <= part.replayTo {
		l.tallies.StreamReplayed++
	}
	if a := l.streams.archives[part.streamKey]; a == nil || !a.learn(offset, e) {
		report(fmt.Sprintf("the hub sent another event at %s:%d of %s than the stream has there", part.epoch, offset, kind), e)
	}
}

// streamHeard notes an event of a stream that a listener of a client got.
func (l *ledger) streamHeard(client int, topic string, position event.Position, e number) error {
	defer l.mu.Unlock()
	if !l.lock() {
		return nil
	}
	a := l.accounts[client]
	at := slices.IndexFunc(a.trails, func(t *trail) bool { return t.topic == topic })
	if at < 0 {
		return fmt.Errorf("the client does not hold the topic %q", topic)
	}
	l.tallies.StreamHeard++
	l.reportLocked(a, a.trails[at], report{position: position, event: e})
	return nil
}

// streamGap notes a gap that a client was told of. One that has all its offsets was told by the hub, and of a type it is one of all topics of that; the
// client's own is of one topic.
func (l *ledger) streamGap(client int, g event.Gap) error {
	defer l.mu.Unlock()
	if !l.lock() {
		return nil
	}
	if g.Missed < 0 {
		l.tallies.UnknownGaps++
	} else {
		l.tallies.Gaps++
		l.tallies.Missed += int(g.Missed)
	}
	a := l.accounts[client]
	isHeld := false
	for _, t := range a.trails {
		if t.topic == g.Topic || g.To > 0 && t.kind == g.Topic {
			isHeld = true
			l.reportLocked(a, t, report{gap: &g})
		}
	}
	if !isHeld {
		return fmt.Errorf("the client holds no topic of that gap")
	}
	return nil
}

func (l *ledger) reportLocked(a *account, t *trail, r report) {
	t.reports = append(t.reports, r)
	l.judgeLocked(a, t)
}

func (l *ledger) judgeLocked(a *account, t *trail) {
	t.judge(l.streams.archives, func(what string, e number) { l.problemLocked(what, a.client, e, a.line()) })
}

func (l *ledger) judgeTrailsLocked() {
	for _, a := range l.accounts {
		for _, t := range a.trails {
			l.judgeLocked(a, t)
		}
	}
}

// reachedLocked notes that a client has heard an event of a line, and so all answers that passed ahead of it.
func (l *ledger) reachedLocked(a *account, p *passage, e number) {
	for _, t := range a.trails {
		if t.start != nil && t.start.passage == p && e.all > t.start.after && t.at.Epoch == "" {
			t.begin()
		}
	}
}

// unobservedLocked names what the observer still has to see, in the calm, empty if nothing.
func (l *ledger) unobservedLocked() string {
	for kind, epoch := range l.streams.now {
		a := l.streams.archives[streamKey{epoch, kind}]
		for strand, due := range a.due {
			if last := l.journal.lastCertain(strand); due <= last {
				return fmt.Sprintf("the stream lacks number %d of %s", last, strands[strand])
			}
		}
		for _, author := range l.accounts {
			if topic := authorTopic(author.client); strings.HasPrefix(topic, kind) && author.voice.last() > a.spoken[len(strands)+author.client] && author.voice.isSilent() {
				return fmt.Sprintf("the stream lacks number %d of %s by client %d", author.voice.last(), topic, author.client)
			}
		}
	}
	return ""
}

// trailingLocked tells what a client has yet to hear or to be told of in its streams, in the calm.
func (l *ledger) trailingLocked(a *account) string {
	for _, t := range a.trails {
		if lacks := t.lacks(l.streams.archives[streamKey{l.streams.now[t.kind], t.kind}]); lacks != "" {
			return fmt.Sprintf("client %d %s", a.client, lacks)
		}
	}
	return ""
}

// forgetLocked drops the streams of earlier hubs, once no client is in them.
func (l *ledger) forgetLocked() {
	inUse := map[streamKey]bool{}
	for kind, epoch := range l.streams.now {
		inUse[streamKey{epoch, kind}] = true
	}
	for _, a := range l.accounts {
		for _, t := range a.trails {
			inUse[streamKey{t.at.Epoch, t.kind}] = true
			for _, r := range t.reports {
				inUse[streamKey{r.position.Epoch, t.kind}] = true
			}
		}
	}
	for key := range l.streams.archives {
		if !inUse[key] {
			delete(l.streams.archives, key)
		}
	}
}
