package fanout

import (
	"errors"
	"fmt"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/netpoll"
)

const (
	// maxRejected is how many tokens of a spoke without an identity are rejected before it is closed.
	maxRejected = 3
	// askEvery and asksAtOnce bound how often OnAuth is asked for one spoke.
	askEvery   = time.Second
	asksAtOnce = 10
)

var (
	errNoAuth       = errors.New("Config.OnAuth is not set")
	errAsksTooOften = errors.New("the spoke sends tokens too often")
	errNotAsked     = errors.New("OnAuth was not asked: the spoke sends tokens too often, or this one is malformed or too long")
	errOtherUser    = errors.New("the user of a spoke can't change")
	errNoAnswer     = errors.New("OnAuth did not return")
)

// SetIdentity replaces the spoke's identity, as an __auth of the spoke does: subscriptions that the new one does not cover are dropped,
// and for each the spoke is told with __reject and the reason forbidden. None of them brings an event that is dispatched after
// SetIdentity has returned. A spoke that has yet to identify itself needs no __auth any more. An anonymous spoke may get a user; any
// other user can't change. It asks the reactor and waits for the answer.
//
// The error says what is wrong with the identity, and then nothing has changed, or that the spoke has ended (ErrNotConnected). In that
// case the new identity still judges what the spoke sent before and the hub has not passed on yet, as when OnConnection sets it and the
// client has left by then.
func (s *Spoke) SetIdentity(i Identity) error {
	err := i.check()
	if err == nil {
		err = ErrNotConnected
		reviewed := make(chan struct{})
		pending := false
		s.loop.ask(func(r *netpoll.Reactor) {
			if r.Holds(s.conn) && s.phase == open {
				pending, err = s.loop.changeIdentity(s, i, func() { close(reviewed) })
			} else if s.mayBecome(&i) == nil {
				s.setIdentity(i)
			}
		})
		if pending {
			<-reviewed
		}
	}
	if err != nil {
		return fmt.Errorf("set identity: %w", err)
	}
	return nil
}

// changeIdentity carries SetIdentity out. A spoke that has none yet becomes known in its place in the inbox: behind what it has sent
// too early. If pending, reviewed is called once the last subscription has been dropped that the identity does not cover.
func (l *loop) changeIdentity(s *Spoke, i Identity, reviewed func()) (pending bool, err error) {
	if err := s.mayBecome(&i); err != nil {
		return false, err
	}
	if s.marks&unidentified == 0 {
		_, r := l.identify(s, i)
		if r != nil {
			r.ended = reviewed
		}
		return r != nil, nil
	}
	s.setIdentity(i)
	l.addAttempt(s, nil, nil, &attempt{known: true, identity: i})
	return false, nil
}

// mayBecome says why the spoke can't have an identity.
func (s *Spoke) mayBecome(i *Identity) error {
	if err := i.check(); err != nil {
		return err
	}
	if user := s.Identity().User; user != "" && user != i.User {
		return errOtherUser
	}
	return nil
}

// startAuth begins with the __auth in view. Unless its rejection can be told at once, it waits in the inbox, and what the spoke sends
// behind it waits, too.
func (l *loop) startAuth(s *Spoke) {
	v := &l.scratch.view
	token, err := v.Token(l.hub.cfg.MaxHandshake)
	switch {
	case l.hub.cfg.OnAuth == nil:
		err = errNoAuth
	case err == nil && !l.tenureOf(s).asks.spend(askEvery, asksAtOnce*askEvery, l.reactor.Now()):
		err = errAsksTooOften
	}
	if err != nil && s.quiet() && s.marks&answersBlocked == 0 {
		l.rejectToken(s, v.ID, err)
		return
	}
	if err != nil {
		l.addAttempt(s, v.ID, nil, nil)
		return
	}
	l.addAttempt(s, v.ID, token, new(attempt))
}

// addAttempt adds an __auth to the inbox, without an attempt if it is to be rejected: of those there may be many.
func (l *loop) addAttempt(s *Spoke, id, token []byte, a *attempt) {
	l.inboxOf(s).addAuth(id, token, a)
	l.tenureOf(s).attempts++
	s.marks |= connecting
}

// goOnWithAuth does for an __auth in the inbox what the loop does: it has a worker ask OnAuth, and then carries out the outcome.
func (l *loop) goOnWithAuth(s *Spoke, box *inbox, i *item) fate {
	a := i.attempt()
	switch {
	case s.phase != open:
		return itemDone
	case a != nil && !a.known:
		if a.ctx == nil {
			l.begin(s, a)
		}
		return itemForWorker
	case s.marks&answersBlocked != 0, a != nil && a.review != nil && !a.review.isDone():
		return itemLater
	}
	id, _ := box.auth(i)
	var err error
	connects := false
	switch {
	case a == nil:
		err = errNotAsked
	case a.review == nil:
		connects, err = l.carryOutAttempt(s, a)
		if a.review != nil {
			return itemLater
		}
	}
	l.tenureOf(s).attempts--
	if err != nil {
		l.rejectToken(s, id, err)
		return itemDone
	}
	l.ackToken(s, id, &a.identity)
	if connects {
		*i = item{kind: itemConnected}
		return itemForWorker
	}
	return itemDone
}

// carryOutAttempt gives the spoke the identity that OnAuth has said, or says why not.
func (l *loop) carryOutAttempt(s *Spoke, a *attempt) (connects bool, err error) {
	l.endAttempt(s)
	if a.err != nil {
		return false, a.err
	}
	if err := s.mayBecome(&a.identity); err != nil {
		return false, err
	}
	if a.ctx != nil {
		l.counts.authsAccepted++
	}
	connects, a.review = l.identify(s, a.identity)
	if a.review != nil {
		a.review.ended = func() { l.goOnReviewed(s) }
	}
	return connects, nil
}

// goOnReviewed has the loop come back to the __auth whose review has ended.
func (l *loop) goOnReviewed(s *Spoke) {
	if s.phase == open && l.reactor.Holds(s.conn) {
		l.markReady(s)
	}
}

// identify gives the spoke an identity, and reports true if it is the first of a spoke that has waited for one and whose
// OnConnection is to be called now. pending is the review of its subscriptions, nil if that is done.
func (l *loop) identify(s *Spoke, i Identity) (connects bool, pending *review) {
	old := s.setIdentity(i)
	isFirst := s.marks&unidentified != 0
	s.marks &^= unidentified
	l.hub.admission.handshakeDone(s)
	if l.users.Count(s.conn.Slot) == 0 {
		l.addToUser(s)
	}
	l.watchIdentity(s)
	if !isFirst {
		pending = l.reviewIdentity(s, old)
	}
	return isFirst && l.hub.cfg.OnConnection != nil, pending
}

// ackToken answers an __auth that has an id.
func (l *loop) ackToken(s *Spoke, id []byte, i *Identity) {
	if len(id) == 0 {
		return
	}
	expires := int64(0)
	if !i.Expires.IsZero() {
		expires = i.Expires.Unix()
	}
	f := newFrame()
	f.seal(event.AppendAuthAck(f.reserveHeader(), id, i.User, expires), l.hub.cfg.opcode, false)
	l.answer(s, f)
}

// rejectToken rejects an __auth, and closes the spoke if err or the number of its attempts says so. An identity that it has stays.
func (l *loop) rejectToken(s *Spoke, id []byte, err error) {
	l.counts.authsRejected++
	l.hub.log.tokenRejected(s, err)
	l.reject(s, id, nil, event.Unauthenticated)
	var hook *hookError
	if errors.As(err, &hook) && hook.refusal.hasCode() {
		refusal := hook.refusal
		l.closeWith(s, Cause{Kind: CauseUnauthenticated, Code: refusal.Code, Reason: refusal.closeReason()})
		return
	}
	if s.marks&unidentified == 0 {
		return
	}
	if hook != nil && hook.refusal != nil && hook.refusal.RetryAfter > 0 {
		l.closeWith(s, Cause{Kind: CauseUnauthenticated, Code: CodeTryLater, Reason: hook.refusal.closeReason()})
		return
	}
	t := l.tenureOf(s)
	t.rejected++
	if t.rejected >= maxRejected {
		l.closeUnauthenticated(s, reasonRejected)
	}
}
