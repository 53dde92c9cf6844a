package fanout

import (
	"time"

	"github.com/spokehub/spokehub/event"
)

// membersPatience is how long somebody who wants a list waits for other hubs to tell theirs.
const membersPatience = 500 * time.Millisecond

// memberWait is somebody who waits until other hubs have told who is in a room, and as long as it is not dropped has the room be watched.
// roster and topic never change.
type memberWait struct {
	boundedWait
	roster *roster
	topic  string
}

// await has a wait begin; nil if there is nothing to wait for, or the roster has too much to do for anybody to wait for it.
func (r *roster) await(w *memberWait) *memberWait {
	if r.others.Load() == 0 || !r.cluster.link.isUp.Load() || r.cluster.running.ctx.Err() != nil {
		return nil
	}
	w.roster = r
	w.begin(membersPatience)
	if !r.post(rosterTask{kind: waitBegins, wait: w}) {
		w.stop()
		return nil
	}
	return w
}

// drop gives up the wait, and what it holds.
func (w *memberWait) drop() {
	w.stop()
	w.roster.post(rosterTask{kind: waitEnds, wait: w})
}

// awaitMembers waits until other hubs have told who is in a room. The caller drops what it returns, unless that is nil. It must not run on a loop.
func (p *presence) awaitMembers(topic string) *memberWait {
	if p.roster == nil || !event.ValidTopic([]byte(topic)) || !p.has([]byte(topic)) {
		return nil
	}
	w := p.roster.await(&memberWait{boundedWait: boundedWait{done: make(chan struct{})}, topic: topic})
	if w != nil {
		<-w.done
	}
	return w
}

// holdMembers has other hubs be asked who is in a room of which the spoke is about to be sent the list. It says whether that may begin; if not, the loop comes
// back to the spoke when it may.
func (l *loop) holdMembers(s *Spoke, p *progress, topic []byte, allowed map[string]bool) bool {
	if p.members != nil {
		return p.members.over.Load()
	}
	isFull := l.topicCount(s.conn.Slot) >= l.hub.maxTopics()
	if l.hub.cluster == nil || p.isLate || isFull || len(l.scratch.view.ID) == 0 || l.refuseWatch(s, topic, allowed) != "" {
		return true
	}
	p.members = l.hub.cluster.roster.await(&memberWait{boundedWait: boundedWait{loop: l, spoke: s}, topic: string(topic)})
	if p.members == nil || p.members.over.Load() {
		return true
	}
	l.flow.waits[s] = p.members
	return false
}

// dropMembers gives up what a control event has waited for.
func (p *progress) dropMembers() {
	if p.members == nil {
		return
	}
	p.endedWait(&p.members.boundedWait)
	p.members.drop()
	p.members = nil
}
