//go:build faults && linux

package simulation

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/netpoll"
)

// someType is a type with a policy, often one of a follower's topics.
func (s *sim) someType(f *follower, r *rand.Rand) string {
	if len(f.watches) > 0 && !oneIn(r, 4) {
		return pick(r, f.watches...).history.policy.Match
	}
	return pick(r, historyTypes...)
}

// dispatchOf dispatches one event to a type with a policy.
func (s *sim) dispatchOf(typ, id string, pad int) {
	e, x := s.compose(driverSender, typ, id, pad)
	if typ == withoutStream {
		s.number(x, string(e.Payload))
	}
	s.handToHub(e)
	x.must = typ != withoutStream
}

// number gives an event of a type without a stream the next offset of the model.
func (s *sim) number(x *sentEvent, payload string) {
	h := s.histories[withoutStream]
	h.extend(h.top() + 1)
	x.at = h.top()
	*h.at(x.at) = keptEvent{known: true, id: x.id, payload: payload}
}

func (s *sim) dispatchKept(f *follower, r *rand.Rand) {
	typ := s.someType(f, r)
	for range 1 + r.IntN(6) {
		s.dispatchOf(typ, pick(r, eventIDs...), s.somePad(r))
		s.auditType(typ)
	}
}

// floodKept dispatches more than the queue and the socket of a follower hold, or more than the history.
func (s *sim) floodKept(f *follower, r *rand.Rand) {
	if oneIn(r, 2) {
		f.pace = pick(r, stalls, trickles)
	}
	typ, pad := s.someType(f, r), s.somePad(r)
	n := 10 + r.IntN(60)
	s.logf("  %d events of %s, %d bytes", n, typ, pad)
	for i := range n {
		s.dispatchOf(typ, pick(r, eventIDs...), pad)
		s.auditType(typ)
		if i%16 == 15 && oneIn(r, 2) {
			s.exchange()
		}
	}
}

// burst dispatches from several goroutines at once, while clients go on.
func (s *sim) burst(f *follower, r *rand.Rand) {
	typ := s.someType(f, r)
	if typ == withoutStream {
		return
	}
	var running sync.WaitGroup
	s.logf("  of %s", typ)
	for range 2 + r.IntN(2) {
		var events []event.Event
		sender := driverSender - 1 - len(s.numbers)
		for range 10 + r.IntN(40) {
			e, x := s.compose(sender, typ, pick(r, eventIDs...), r.IntN(100))
			events = append(events, e)
			x.must = true
		}
		running.Go(func() {
			for _, e := range events {
				s.hub.DispatchEvent(e)
			}
			s.recorder.wake()
		})
	}
	over := make(chan struct{})
	go func() {
		running.Wait()
		close(over)
	}()
	s.await("the end of a burst", func() bool {
		s.auditType(typ)
		select {
		case <-over:
			return true
		default:
			return false
		}
	})
}

// publishPatience is how long Publish may wait for room: the driver reads nothing meanwhile.
const publishPatience = 2 * time.Millisecond

// publishNow publishes an event, and reports false if there was no room for it.
func (s *sim) publishNow(e event.Event, o fanout.PublishOptions) (fanout.Receipt, bool) {
	ctx, cancel := context.WithTimeout(context.Background(), publishPatience)
	defer cancel()
	receipt, err := s.hub.PublishWith(ctx, e, o)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		netpoll.SkipAhead()
		return receipt, false
	case err != nil:
		s.fail("publish: %v", err)
	}
	return receipt, true
}

func (s *sim) publishKept(f *follower, r *rand.Rand) {
	typ := s.someType(f, r)
	for range 1 + r.IntN(4) {
		e, x := s.compose(driverSender, typ, pick(r, eventIDs...), s.somePad(r))
		if typ == withoutStream {
			_, err := s.hub.PublishWith(context.Background(), e, fanout.PublishOptions{IdempotencyKey: "k"})
			if !errors.Is(err, fanout.ErrNoStream) {
				s.fail("got %v for a key with a type that has no stream, want ErrNoStream", err)
			}
			continue
		}
		receipt, ok := s.publishNow(e, fanout.PublishOptions{})
		if !ok {
			continue
		}
		x.must = true
		s.auditType(typ)
		s.checkReceipt(receipt, typ, e)
	}
}

// checkReceipt checks that an event is where its receipt says.
func (s *sim) checkReceipt(receipt fanout.Receipt, typ string, e event.Event) {
	h := s.histories[typ]
	if receipt.Repeated || receipt.Position.Epoch != h.epoch || receipt.Position.Offset == 0 || receipt.Position.Offset > h.top() {
		s.fail("got the receipt %+v of an event of %s, want a position up to %d of %s", receipt, typ, h.top(), h.epoch)
	}
	s.learn(typ, receipt.Position.Offset, e.ID, string(e.Payload))
}

// publishKeyed publishes with a key that may have been there before: then the event has no effect.
func (s *sim) publishKeyed(f *follower, r *rand.Rand) {
	typ := s.someType(f, r)
	if typ == withoutStream {
		return
	}
	for range 1 + r.IntN(4) {
		key := fmt.Sprint("key", r.IntN(4))
		e, x := s.compose(driverSender, typ, pick(r, eventIDs...), r.IntN(100))
		receipt, ok := s.publishNow(e, fanout.PublishOptions{IdempotencyKey: key})
		if !ok {
			continue
		}
		s.auditType(typ)
		first, isThere := s.keys[typ+" "+key]
		switch {
		case isThere && (!receipt.Repeated || receipt.Position != first):
			s.fail("got the receipt %+v of a repeated key in %s, want the position %v", receipt, typ, first)
		case isThere:
			s.repeated++
		default:
			s.checkReceipt(receipt, typ, e)
			x.must = true
			s.keys[typ+" "+key] = receipt.Position
		}
	}
}

// relayKept has a follower send events. It gets its own, if it is subscribed.
func (s *sim) relayKept(f *follower, r *rand.Rand) {
	if !s.traits.relay {
		return
	}
	typ := s.someType(f, r)
	if typ == withoutStream {
		return
	}
	for range 1 + r.IntN(12) {
		e, _ := s.compose(f.id, typ, pick(r, eventIDs...), s.somePad(r))
		f.text(string(event.Append(nil, e)))
	}
}

// quiet has all followers read, waits until nothing is on its way to any, and checks that they have all that they must have.
func (s *sim) quiet() {
	s.recorder.unblockCallbacks()
	for _, f := range s.followers.all {
		f.pace = readsOn
	}
	s.askAll("the answers of followers", func(f *follower) {
		for _, x := range s.sent {
			x.must = x.must || x.by == f.id && s.histories[x.typ] != nil
		}
	})
	s.await("followers that keep up", func() bool { return s.stats().Lagging == 0 })
	s.audit()
	tops := make(map[*history]uint64)
	for _, h := range s.histories {
		tops[h] = h.top()
	}
	s.askAll("the answers of followers that keep up", func(f *follower) {
		for _, w := range f.watches {
			if w.state != inForce {
				continue
			}
			if w.snapshot && !w.leaves {
				w.fail("got no snapshot")
			}
			w.settle(tops[w.history] + 1)
		}
		s.followed.trimmed += f.trimmed
		f.trimmed = 0
	})
	s.verifyHistories()
	s.verifyFollowed()
}

// askAll has all followers ask for an answer, and does something for each that gets it.
func (s *sim) askAll(what string, answered func(*follower)) {
	waiting := make(map[*follower]bool)
	for _, f := range s.followers.all {
		if f.usable() {
			waiting[f] = true
			f.leave([]string{barrierTopic}, func() {
				delete(waiting, f)
				answered(f)
			})
		}
	}
	s.await(what, func() bool {
		for f := range waiting {
			if !f.usable() {
				delete(waiting, f)
			}
		}
		return len(waiting) == 0
	})
}

// verifyFollowed checks that the hub's counters have what followers were told.
func (s *sim) verifyFollowed() {
	st, t := s.stats(), &s.followed
	if st.DroppedSuperseded < t.superseded || st.DroppedSkipped < t.skipped || st.DroppedTrimmed < t.trimmed {
		s.fail("got %d superseded, %d skipped and %d trimmed, but followers were told of %d, %d and %d", st.DroppedSuperseded, st.DroppedSkipped,
			st.DroppedTrimmed, t.superseded, t.skipped, t.trimmed)
	}
}
