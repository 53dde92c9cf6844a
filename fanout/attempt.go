package fanout

import "context"

// attempt is an __auth that waits for its turn, and then what OnAuth made of its token; or a SetIdentity that waits likewise. It belongs to whoever has its inbox.
type attempt struct {
	// ctx is that of OnAuth, nil if that need not be asked. It ends after HandshakeTimeout, and with the spoke.
	ctx context.Context
	// known says that identity and err are.
	known    bool
	identity Identity
	err      error
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

// authenticate has OnAuth say whom the token of an __auth identifies, if the loop has come to that already. It runs on a worker.
func (h *Hub) authenticate(s *Spoke, box *inbox, i *item) {
	a := i.attempt()
	if a == nil || a.known || a.ctx == nil {
		return
	}
	a.known, a.err = true, errNoAnswer
	if a.ctx.Err() != nil {
		return
	}
	defer h.recoverFrom("OnAuth", s)
	_, token := box.auth(i)
	a.identity, a.err = h.cfg.OnAuth(a.ctx, s, string(token))
}
