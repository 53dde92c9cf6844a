//go:build faults && linux

package simulation

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

const (
	// maxTokens is how many tokens a client sends at most: the hub takes ten at once.
	maxTokens = 8
	// soon is when identities expire that do so in a run.
	soon = 20 * time.Millisecond
	// wrongToken is a token that OnAuth rejects.
	wrongToken = "wrong"
	// refusedToken is one for which it also closes the client.
	refusedToken = "refused"
)

// someClaim is who a new client is, if clients of this run have identities.
func (s *sim) someClaim(r *rand.Rand) (k claim) {
	if !s.traits.identities {
		return claim{}
	}
	return claim{User: pick(r, "", users[0], users[1], users[2]), Level: r.IntN(len(levels)), Later: oneIn(r, 3), Inside: oneIn(r, 3)}
}

// entry is the identity that the hub gets of a connection that is added.
func (k claim) entry() fanout.Identity {
	if k.Inside {
		return fanout.Identity{Value: k}
	}
	return k.identity()
}

// sendToken sends an __auth. Its outcome takes effect behind all that was sent before, and ahead of all that is sent behind.
func (c *client) sendToken(token string, want *claim) {
	c.tokens++
	c.controls++
	id := fmt.Sprintf("t%d", c.controls)
	answer := string(event.AppendReject(nil, []byte(id), nil, event.Unauthenticated))
	if want != nil {
		answer = string(event.AppendAuthAck(nil, []byte(id), want.User, want.Expires/1000))
	}
	var told func()
	if want != nil {
		told = c.become(*want, c.controls)
	}
	c.replies = append(c.replies, reply{text: answer, control: c.controls, arrived: told})
	c.bytesSent += len(answer) + frameRoom
	c.message(string(event.Append(nil, event.Event{Type: "__auth", ID: id, Payload: []byte(jsonOf(map[string]any{"token": token}))})))
}

// renew has a client renew its identity, often with other permissions, or try to. What it sends behind the token is judged by the new
// ones.
func (s *sim) renew(c *client, r *rand.Rand) {
	if !s.traits.identities || c.tokens >= maxTokens {
		return
	}
	want := claim{User: c.user, Level: r.IntN(len(levels))}
	switch {
	case oneIn(r, 12):
		c.sendToken(refusedToken, nil)
		c.wants = fanout.CodeForbidden
		c.beginEnd(fanout.CauseUnauthenticated)
	case oneIn(r, 4):
		c.sendToken(wrongToken, nil)
	case oneIn(r, 4) && c.user != "":
		want.User += "0"
		c.sendToken(jsonOf(want), nil)
	default:
		s.logf("  level %d", want.Level)
		c.doubtful = true
		c.sendToken(jsonOf(want), &want)
		for range r.IntN(3) {
			pick(r, s.publishOne, s.subscribe, s.unsubscribe)(c, r)
		}
		if s.settle(c) {
			c.doubtful = false
			c.checkSuspicion()
		}
	}
}

// settle has a client get the answers to all that it has sent, and reports false if it may not.
func (s *sim) settle(c *client) bool {
	c.stalled = false
	c.socket.allowed = unlimited
	answered := false
	c.askForAnswer(func() { answered = true })
	s.await("an answer", func() bool { return answered || c.gone() || c.closed })
	return answered && c.usable()
}

// setIdentity has the hub's side give a client another identity, or the same again: that changes nothing, whatever is under way.
func (s *sim) setIdentity(c *client, r *rand.Rand) {
	if !s.traits.identities {
		return
	}
	if oneIn(r, 2) {
		s.logf("  the same")
		if err := c.spoke.SetIdentity(claim{User: c.user, Level: c.level}.identity()); err != nil && !errors.Is(err, fanout.ErrNotConnected) {
			c.fail("set the same identity: %v", err)
		}
		return
	}
	if !s.settle(c) {
		return
	}
	k := claim{User: c.user, Level: r.IntN(len(levels))}
	if k.User == "" {
		k.User = pick(r, users...)
	}
	s.logf("  user %q level %d", k.User, k.Level)
	if err := c.spoke.SetIdentity(k.identity()); err == nil {
		c.become(k, c.confirmed)()
	} else if !errors.Is(err, fanout.ErrNotConnected) {
		c.fail("set identity: %v", err)
	}
	k.User += "0"
	if err := c.spoke.SetIdentity(k.identity()); err == nil {
		c.fail("got another user, want an error")
	}
}

// expire has a client's identity expire, unless it is renewed in time.
func (s *sim) expire(c *client, r *rand.Rand) {
	if !s.traits.identities || !s.settle(c) {
		return
	}
	k := claim{User: c.user, Level: c.level, Expires: time.Now().Add(soon).UnixMilli()}
	if err := c.spoke.SetIdentity(k.identity()); err != nil {
		if !errors.Is(err, fanout.ErrNotConnected) && !errors.Is(err, fanout.ErrIdentityExpired) {
			c.fail("set identity: %v", err)
		}
		return
	}
	if oneIn(r, 2) {
		k.Expires = 0
		if err := c.spoke.SetIdentity(k.identity()); err == nil {
			s.logf("  but it is renewed")
			s.renewed = true
			return
		}
	}
	c.wants = fanout.CodeUnauthorized
	c.beginEnd(fanout.CauseUnauthenticated)
}

// dispatchToUser dispatches an event to all connections of a user.
func (s *sim) dispatchToUser(_ *client, r *rand.Rand) {
	if !s.traits.identities {
		return
	}
	user := pick(r, append(users, "")...)
	x := s.newEvent(driverSeries, pick(r, types...), pick(r, "", "1"), "", r.IntN(200))
	s.logf("  event %d to %q", x.seq, user)
	x.verdicts = make([]verdict, len(s.clients))
	for i, c := range s.clients {
		if user != "" && c.user == user && c.spoke != nil {
			s.setVerdict(x, i, must)
		}
	}
	if !s.hub.DispatchToUser(user, x.event) {
		s.fail("got false from DispatchToUser")
	}
}

// verifyUsers checks that the hub knows every connection of each user, and no other.
func (s *sim) verifyUsers() {
	if !s.traits.identities {
		return
	}
	for _, user := range append(users, "") {
		spokes := s.hub.UserSpokes(user)
		for _, spoke := range spokes {
			if !slices.ContainsFunc(s.clients, func(c *client) bool { return c.spoke == spoke && c.user == user && user != "" }) {
				s.fail("got spoke %d of the user %q, want it of nobody or of another", spoke.ID(), user)
			}
		}
		for _, c := range s.clients {
			if c.usable() && c.user == user && user != "" && !slices.Contains(spokes, c.spoke) && c.spoke.Subscriptions() != nil {
				c.fail("is not among the %d connections of %q", len(spokes), user)
			}
		}
	}
}

var errWrong = errors.New("wrong token")

func parseClaim(text string) (k claim, err error) {
	if err = json.NewDecoder(strings.NewReader(text)).Decode(&k); err != nil {
		return k, errWrong
	}
	return k, nil
}
