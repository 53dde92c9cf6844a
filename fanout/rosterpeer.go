package fanout

// peer is another hub with presence, and what it has told. It belongs to the goroutine of the roster.
//
// I1: what is known of it may be wrong as long as known differs from doubts.
type peer struct {
	origin uint64
	// channel is that on which it alone is told something, number that of the last message to it.
	channel string
	number  uint64
	// toAll and toOne are the numbers of its last messages to all, and to this hub alone; 0 for none yet. beat is that of the last one to all when it sent
	// its last heartbeat, and isBehind says that there has been a step since, without it.
	toAll, toOne, beat uint64
	isBehind           bool
	peerDoubt
	// parts is who is there by way of it, by topic, and watches the topics that it watches.
	parts   map[string]*part
	watches map[string]struct{}
	draft   rosterDraft
	peerStatement
}

// peerStatement is what a hub states to watch that has been asked for it: stated are the topics so far, nil if it states nothing, or a part has been lost. watchedAt is the number of its last
// message to all about what it watches; isOvertaken says that one has come which the statement does not know of.
type peerStatement struct {
	stated      map[string]struct{}
	watchedAt   uint64
	isOvertaken bool
}

// peerDoubt is how far it has been asked for all.
type peerDoubt struct {
	// doubts is how often something has been lost, or may have been, and known how many of those it has answered for. steps is how long ago it was asked, and silent
	// how long ago it was or has told this hub something: an answer may take long.
	doubts, known uint64
	steps, silent int
}

func (d *peerDoubt) isInDoubt() bool { return d.known != d.doubts }

// isOverdue goes one step on in time, and says whether it is to be asked again.
func (d *peerDoubt) isOverdue() bool {
	if !d.isInDoubt() {
		return false
	}
	d.steps++
	d.silent++
	return d.silent >= answerSteps || d.steps >= longAnswerSteps
}

// heard takes note of the heartbeat of a hub.
func (r *roster) heard(origin, sequence uint64) {
	p := r.peers[origin]
	switch {
	case sequence == 0:
		r.dropPeer(origin)
		return
	case p == nil:
		p = &peer{origin: origin, channel: inboxChannel(origin), parts: map[string]*part{}, watches: map[string]struct{}{}}
		p.draft = rosterDraft{roster: r, to: p}
		r.peers[origin] = p
		r.others.Store(int32(len(r.peers)))
		r.watching.unsettle()
		r.doubt(p)
		r.takeEarly(origin)
	}
	p.beat, p.isBehind = sequence-1, false
}

// checkBeat doubts what is known of a hub if the last message that its heartbeat spoke of has not come a step later.
func (r *roster) checkBeat(p *peer) {
	switch {
	case p.beat <= p.toAll:
		p.isBehind = false
	case !p.isBehind:
		p.isBehind = true
	default:
		p.toAll = p.beat
		r.doubt(p)
	}
}

// mostEarly is how many messages are kept of hubs whose heartbeat is yet to come.
const mostEarly = 256

// keepEarly keeps a message of a hub whose heartbeat is yet to come, for one step or two.
func (r *roster) keepEarly(t *rosterTask) {
	if len(r.early) < mostEarly {
		r.early = append(r.early, *t)
	}
}

// takeEarly acts on the messages that have been kept of a hub.
func (r *roster) takeEarly(origin uint64) {
	for i := range r.early {
		if r.early[i].origin == origin {
			r.takeMessage(&r.early[i])
		}
	}
}

// dropPeer takes back all that a hub has told.
func (r *roster) dropPeer(origin uint64) {
	p := r.peers[origin]
	if p == nil {
		return
	}
	delete(r.peers, origin)
	r.others.Store(int32(len(r.peers)))
	for topic, t := range p.parts {
		r.dropPart(p, topic, t)
	}
	for topic := range p.watches {
		r.endExport(topic)
	}
	r.settleAll()
}

// doubt has a hub be asked for all.
func (r *roster) doubt(p *peer) {
	if p.doubts++; p.doubts == p.known+1 {
		r.ask(p)
	}
}

func (r *roster) doubtAll() {
	for _, p := range r.peers {
		r.doubt(p)
	}
}

// ask asks a hub for the lists of all that is watched here, and for what it watches.
func (r *roster) ask(p *peer) {
	p.steps, p.silent = 0, 0
	for topic := range r.watching.topics {
		p.draft.list(topic)
	}
	p.draft.makeRoom(topicBytes)
	p.draft.message.Ask = p.doubts
}

// takeMessage acts on a message of another hub. One that is not known yet is asked for all once it is.
func (r *roster) takeMessage(t *rosterTask) {
	p := r.peers[t.origin]
	if p == nil {
		r.keepEarly(t)
		return
	}
	m, err := parseRosterMessage(t.body)
	if err != nil {
		r.cluster.refuse(err)
		return
	}
	if t.kind == toldAll {
		if t.sequence <= p.toAll {
			return
		}
		if p.toAll != 0 && t.sequence != p.toAll+1 {
			r.doubt(p)
		}
		p.toAll = t.sequence
		r.takeToAll(p, &m)
		return
	}
	if t.sequence <= p.toOne {
		return
	}
	if t.before == p.toOne {
		p.silent = 0
	} else {
		p.stated = nil
		r.doubt(p)
	}
	p.toOne = t.sequence
	r.takeToOne(p, &m)
}

// takeToAll acts on what a hub tells all.
func (r *roster) takeToAll(p *peer, m *rosterMessage) {
	if len(m.Watch)+len(m.Unwatch) > 0 {
		p.watchedAt, p.isOvertaken = p.toAll, true
	}
	for _, topic := range m.Watch {
		r.export(p, topic)
		r.draftList(p, topic)
	}
	for _, topic := range m.Unwatch {
		if _, watches := p.watches[topic]; watches {
			delete(p.watches, topic)
			r.endExport(topic)
		}
	}
	for i := range m.Rooms {
		r.takeChanges(p, &m.Rooms[i])
	}
}

// takeToOne acts on what a hub tells this one alone.
func (r *roster) takeToOne(p *peer, m *rosterMessage) {
	if m.IsFirst {
		p.stated, p.isOvertaken = map[string]struct{}{}, m.At < p.watchedAt
	}
	for _, topic := range m.Watch {
		r.export(p, topic)
		if p.stated != nil {
			p.stated[topic] = struct{}{}
		}
	}
	for _, topic := range m.List {
		r.export(p, topic)
		r.draftList(p, topic)
	}
	for i := range m.Rooms {
		r.takeList(p, &m.Rooms[i])
	}
	if m.Ask > 0 {
		r.draftWatched(p, m.Ask)
	}
	if m.Done > p.known && m.Done <= p.doubts {
		r.endUnstated(p)
		if !r.hasAnswered(p, m.Done) {
			p.doubts++
		}
		p.known = m.Done
		if p.isInDoubt() {
			r.ask(p)
		}
	}
}

// endUnstated ends the exports of topics of which a hub that has told all that it watches has said nothing.
func (r *roster) endUnstated(p *peer) {
	if p.stated == nil || p.isOvertaken {
		p.doubts++
	} else {
		for topic := range p.watches {
			if _, isStated := p.stated[topic]; !isStated {
				delete(p.watches, topic)
				r.endExport(topic)
			}
		}
	}
	p.stated = nil
}

// hasAnswered says whether a hub has listed since it was asked with a number all that it had listed before.
func (r *roster) hasAnswered(p *peer, number uint64) bool {
	for _, t := range p.parts {
		if t.isListed && t.answers < number {
			return false
		}
	}
	return true
}

// draftWatched tells a hub all that this one watches.
func (r *roster) draftWatched(p *peer, number uint64) {
	if !p.draft.isEmpty() {
		p.draft.send()
	}
	if !r.toAll.isEmpty() {
		r.toAll.send()
	}
	p.draft.makeRoom(topicBytes)
	p.draft.message.IsFirst, p.draft.message.At = true, r.sent.Load()
	for topic := range r.watching.topics {
		p.draft.watch(topic)
	}
	p.draft.makeRoom(topicBytes)
	p.draft.message.Done = number
	p.draft.send()
}
