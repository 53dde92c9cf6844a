package fanout

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/stream"
)

// IsEnding says whether Shutdown has been called.
func (h *Hub) IsEnding() bool { return h.lifecycle.ending.Load() }

// Become gives a spoke an identity and drops what that does not cover. It returns when that is so.
func Become(s *Spoke, i Identity) {
	reviewed := make(chan struct{})
	s.loop.ask(func(*netpoll.Reactor) {
		if r := s.loop.reviewIdentity(s, s.setIdentity(i)); r != nil {
			r.ended = func() { close(reviewed) }
			return
		}
		close(reviewed)
	})
	<-reviewed
}

// OnLoop runs f on the goroutine of the spoke's loop, and returns when it has.
func OnLoop(s *Spoke, f func()) { s.loop.ask(func(*netpoll.Reactor) { f() }) }

// Resume subscribes a spoke to a topic of a stream from a position on, as if it had asked without wanting an answer, and Feed has spokes
// that lag be sent what they have missed. Both are for f of OnLoop.
func Resume(s *Spoke, topic string, since event.Since) {
	policy, typ := s.loop.streamOf([]byte(topic))
	s.loop.subscribe(s, []byte(topic))
	s.loop.enterStream(s, []byte(topic), typ, policy, since, true)
}

// CloseWaiting closes a spoke that waits for room for a message of its own, as Spoke.Close does.
func CloseWaiting(s *Spoke, code uint16, message string) {
	l := s.loop
	OnLoop(s, func() {
		l.pauseReading(s, targetBehind)
		w := waiter{spoke: s, to: l, message: []byte(message)}
		l.keep(s, w.bytes())
		l.flow.waiting = append(l.flow.waiting, w)
		l.closeWith(s, Cause{Kind: CauseClosed, Code: code})
	})
}

// Feed is described at Resume.
func Feed(s *Spoke) { s.loop.feed() }

// WatchedStore is a hub's store of streams. It counts how often events are read of it, and says that it can't be read while Fails is set.
type WatchedStore struct {
	stream.Store
	Reads atomic.Int64
	Fails atomic.Bool
}

// WatchStore returns the store of a hub that has no connection yet.
func WatchStore(h *Hub) *WatchedStore {
	w := &WatchedStore{Store: h.streams.store}
	h.streams.store = w
	return w
}

// Read reads of the store, unless it fails.
func (w *WatchedStore) Read(typ string, q stream.Query, page *stream.Page) error {
	if q.Events > 0 {
		w.Reads.Add(1)
		if w.Fails.Load() {
			return errors.New("the store is away")
		}
	}
	return w.Store.Read(typ, q, page)
}

// JoinMany has users without connections join the room of a topic, and LeaveMany has them leave.
func JoinMany(h *Hub, topic string, users int) {
	for i := range users {
		h.presence.join([]byte(topic), fmt.Sprint("user ", i))
	}
}

// LeaveMany is described at JoinMany.
func LeaveMany(h *Hub, topic string, users int) {
	r := h.presence.find([]byte(topic))
	for i := range users {
		h.presence.leave(r, fmt.Sprint("user ", i))
	}
}

// StopRoster has the roster's goroutine be busy until the function that it returns is called.
func StopRoster(h *Hub) (goOn func()) {
	p := h.presence
	for i := range p.shards {
		p.shards[i].mu.Lock()
	}
	h.cluster.roster.post(rosterTask{kind: changesAreDue})
	return func() {
		for i := range p.shards {
			p.shards[i].mu.Unlock()
		}
	}
}

// LoseAtRoster is what Sink.Lost tells the roster.
func LoseAtRoster(h *Hub) { h.cluster.roster.post(rosterTask{kind: brokerLost}) }
