package fanout

import (
	"bytes"
	"context"
	"sync/atomic"
	"time"

	"github.com/spokehub/spokehub/broker"
)

const (
	// rosterStep is how often the roster looks for what is missing.
	rosterStep = time.Second
	// answerSteps is after how many steps a hub is asked again that has not answered and tells nothing, longAnswerSteps after how many one that goes on telling.
	answerSteps     = 2
	longAnswerSteps = 30
	// idleSteps is after how many a topic is watched no more that nobody needs.
	idleSteps = 10
)

// roster has the users of other hubs be in the rooms of this one, as far as somebody here watches them, and the other way round.
//
// A hub tells all others which topics it watches. Each answers with the list of those who are there by way of it, and tells all from then on what changes,
// gathered for a quarter of a second; connections are told as a number, not as a difference, so what is told twice does no harm. The numbers of messages
// tell what has been lost, heartbeats have the number of the last one. After a loss of any kind the hub is asked for all again that concerns this one, until it has answered.
// What a hub has told is remembered by hub (peer) and topic (part), so exactly that is taken back when it is gone.
//
// Owners: cluster and presence never change; presence is nil if no policy has any, and then nothing happens. sent, others, and armed are for any goroutine,
// the box has a lock. All else belongs to the goroutine of run.
//
// I1: watched has the topics that all others have been told of, or are about to be.
// I2: the occupants of a room have those connections from elsewhere that the parts of its topic have (room.remote).
type roster struct {
	cluster  *cluster
	presence *presence
	box      rosterBox
	sent     atomic.Uint64
	others   atomic.Int32
	peers    map[uint64]*peer
	watching rosterWatching
	exports  map[string]*export
	rosterOut
	earlyMessages
}

// rosterOut is what other hubs are told: toAll a message that is being written, numbers the number of the last one to a single hub. timer has changes be
// told, armed says that it runs. isCrowded says that the outbox had no room in time when it was last waited for.
type rosterOut struct {
	toAll     rosterDraft
	numbers   uint64
	timer     *time.Timer
	armed     atomic.Bool
	isCrowded bool
}

// outboxPatience is how long the roster waits for room in the outbox. Once that was in vain it does not wait until there has been room: what is lost then is asked
// for again.
const outboxPatience = time.Second

// earlyMessages are of hubs whose heartbeat is yet to come. Every other step they are forgotten.
type earlyMessages struct {
	early      []rosterTask
	isEarlyOld bool
}

func (r *roster) init(c *cluster) {
	r.cluster, r.presence = c, c.hub.presence
	if r.presence == nil {
		return
	}
	r.peers, r.exports = map[uint64]*peer{}, map[string]*export{}
	r.watching.init()
	r.box.init()
	r.toAll.roster = r
	r.timer = time.AfterFunc(time.Hour, func() { r.post(rosterTask{kind: changesAreDue}) })
	r.timer.Stop()
	r.presence.roster = r
	r.presence.watchers.Watch(r)
}

// post has the roster do something, and says whether it will: the box may be full. Any goroutine may call it; it takes the lock of the box, and no other.
func (r *roster) post(t rosterTask) bool { return r.presence != nil && r.box.put(t) }

// take takes a message of another hub, which is copied.
func (r *roster) take(kind rosterTaskKind, h broker.Header, body []byte) {
	if r.presence != nil {
		r.box.put(rosterTask{kind: kind, origin: h.Origin, sequence: h.Sequence, before: h.OfType, body: bytes.Clone(body)})
	}
}

// progress is what heartbeats say: the number of the last message to all, and one more; 0 if no policy has presence.
func (r *roster) progress() uint64 {
	if r.presence == nil {
		return 0
	}
	return r.sent.Load() + 1
}

// FirstMember has a topic be watched that has got its first watcher.
func (r *roster) FirstMember(topic string) { r.post(rosterTask{kind: watchBegins, topic: topic}) }

// LastMember notes that a topic has no watcher any more.
func (r *roster) LastMember(topic string) { r.post(rosterTask{kind: watchEnds, topic: topic}) }

// run does what there is, until ctx ends.
func (r *roster) run(ctx context.Context) {
	if r.presence == nil {
		return
	}
	defer r.timer.Stop()
	ticker := time.NewTicker(rosterStep)
	defer ticker.Stop()
	var tasks []rosterTask
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			r.step()
		case <-r.box.wake:
			var wasOver bool
			if tasks, wasOver = r.box.take(tasks); wasOver {
				r.doubtAll()
			}
			for i := range tasks {
				r.do(&tasks[i])
			}
		}
		r.sendDrafts()
	}
}

func (r *roster) do(t *rosterTask) {
	switch t.kind {
	case nodeHeard:
		r.heard(t.origin, t.sequence)
	case nodeGone:
		r.dropPeer(t.origin)
	case brokerBack:
		r.sent.Add(1)
		r.toAll.send()
		r.doubtAll()
	case brokerLost:
		r.doubtAll()
	case toldAll, toldOne:
		r.takeMessage(t)
	case watchBegins:
		r.watch(t.topic).hasWatchers = true
	case watchEnds:
		r.watch(t.topic).hasWatchers = false
	case waitBegins:
		r.beginWait(t.wait)
	case waitEnds:
		r.endWait(t.wait)
	case changesAreDue:
		r.draftChanges()
	}
}

// step goes one step on in time.
func (r *roster) step() {
	if !r.cluster.link.isUp.Load() {
		return
	}
	if r.isEarlyOld = !r.isEarlyOld; r.isEarlyOld {
		r.early = nil
	}
	r.endIdle()
	r.askAgain()
	for _, p := range r.peers {
		r.checkBeat(p)
		if p.isOverdue() {
			r.ask(p)
		}
	}
}

// sendDrafts sends what has been written: what concerns all ahead of what concerns one.
func (r *roster) sendDrafts() {
	if !r.toAll.isEmpty() {
		r.toAll.send()
	}
	for _, p := range r.peers {
		if !p.draft.isEmpty() {
			p.draft.send()
		}
	}
}

// awaitRoom waits for room in the outbox.
func (r *roster) awaitRoom() {
	patience := outboxPatience
	if r.isCrowded {
		patience = 0
	}
	r.isCrowded = !r.cluster.outbox.awaitRoom(r.cluster.running.ctx, patience)
}

// tell sends a message to a single hub or, with a nil peer, to all. One that does not go out has a number all the same, so that others notice.
func (r *roster) tell(to *peer, body []byte) {
	if to == nil {
		r.cluster.outbox.tell(rosterChannel, broker.Header{Sequence: r.sent.Add(1)}, body)
		return
	}
	r.awaitRoom()
	r.numbers++
	header := broker.Header{Sequence: r.numbers, OfType: to.number}
	to.number = r.numbers
	r.cluster.outbox.tell(to.channel, header, body)
}
