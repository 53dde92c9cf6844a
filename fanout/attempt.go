package fanout

import (
	"context"
	"errors"

	"github.com/spokehub/spokehub/netpoll"
)

// attempt is an __auth that waits for its turn, and then what OnAuth made of its token. It is asked about beside handshakes, not
// among the callbacks of spokes, so that tokens over which nobody can decide hold those up as little as handshakes do.
//
// Owners: spoke and isRenewal never change once ctx is set; place belongs to inquiryQueue; all else to whoever has the inbox.
type attempt struct {
	spoke *Spoke
	// isRenewal says that the spoke has an identity.
	isRenewal bool
	place     place
	// ctx is that of OnAuth, nil if that need not be asked, as for SetIdentity. It ends after HandshakeTimeout, and with the spoke.
	ctx context.Context
	// known says that identity and err are.
	known    bool
	identity Identity
	err      error
	// review is that of the subscriptions, for which the ack waits; nil before identity holds, or if the first slice was all.
	review *review
}

// addAuth adds an __auth with its token, or without an attempt if it is to be rejected.
func (b *inbox) addAuth(id, token []byte, a *attempt) {
	at := uint32(len(b.buf))
	b.buf = append(append(byteSlabs.grow(b.buf, len(id)+len(token)), id...), token...)
	i := item{kind: itemAuth, at: at, id: uint32(len(id)), payload: uint32(len(token))}
	if a != nil {
		i.detail = &detail{attempt: a}
	}
	b.add(i)
}

// attempt is that of an __auth, nil if it is to be rejected.
func (i *item) attempt() *attempt {
	if i.detail == nil {
		return nil
	}
	return i.detail.attempt
}

// auth are the id and the token of an __auth.
func (b *inbox) auth(i *item) (id, token []byte) {
	_, id, token = b.parts(i)
	return id, token
}

// isAsked says whether OnAuth is to be asked now about the next item, which the loop has come to.
func (b *inbox) isAsked() bool {
	next := &b.items[b.pos]
	return next.kind == itemAuth && !next.attempt().known
}

// begin gives the attempt its time, and cancel to end it before. An attempt that has no worker yet when its time is up gets none.
func (l *loop) begin(s *Spoke, a *attempt) {
	ctx, cancel := context.WithTimeout(context.Background(), l.hub.cfg.HandshakeTimeout)
	a.spoke, a.isRenewal, a.ctx = s, s.marks&unidentified == 0, ctx
	stop := context.AfterFunc(ctx, func() { l.reactor.Post((*overdueAttempt)(a)) })
	t := l.tenureOf(s)
	t.attempt = a
	t.cancel = func() {
		stop()
		cancel()
	}
}

// overdueAttempt tells the loop that the time for an attempt is up.
type overdueAttempt attempt

// Do goes on with the spoke if no worker has begun with the attempt.
func (t *overdueAttempt) Do(*netpoll.Reactor) {
	a := (*attempt)(t)
	a.spoke.loop.takeBackAttempt(a)
}

// takeBackAttempt takes an attempt away from the workers, if none has begun with it.
func (l *loop) takeBackAttempt(a *attempt) {
	if l.hub.workers.forget(a) {
		a.known, a.err = true, errNoAnswer
		a.spoke.state.setFree()
		l.markReady(a.spoke)
	}
}

func (a *attempt) standing() *place { return &a.place }

func (a *attempt) isUrgent() bool { return a.isRenewal }

// ask has OnAuth say whom the token identifies, and gives the inbox back, also if the hook ends its goroutine. For a worker.
func (a *attempt) ask(h *Hub) {
	defer h.workers.giveUp(a.spoke)
	a.known, a.err = true, errNoAnswer
	if a.ctx.Err() != nil {
		return
	}
	defer h.recoverFrom("OnAuth", a.spoke)
	box := a.spoke.runningInbox
	_, token := box.auth(&box.items[box.pos])
	identity, err := h.cfg.OnAuth(a.ctx, a.spoke, string(token))
	if err == nil {
		a.identity, a.err = identity, nil
		return
	}
	a.err = newHookError(err)
}

// hookError is what a hook has returned, read on the worker: the loop runs no code of the embedder's.
type hookError struct {
	text    string
	refusal *Refusal
}

// newHookError leaves out the HTTP status of a refusal, for no client gets it here.
func newHookError(err error) *hookError {
	e := &hookError{}
	if !errors.As(err, &e.refusal) || e.refusal != nil {
		e.text = err.Error()
	}
	if err == error(e.refusal) && e.refusal != nil && e.refusal.Status != 0 {
		e.text = e.refusal.Reason
	}
	return e
}

// Error is the hook's text.
func (e *hookError) Error() string { return e.text }
