//go:build faults && linux

package simulation

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// claimHeader has the claim of a client in its handshake.
const claimHeader = "X-Claim"

// requestOf is the handshake of a client, with its claim if clients have identities.
func (s *sim) requestOf(who claim) string {
	if !s.traits.identities {
		return handshake
	}
	return request + claimHeader + ": " + jsonOf(who) + "\r\n\r\n"
}

// onHandshake believes what a client claims.
func onHandshake(_ context.Context, h *fanout.Handshake) (fanout.Identity, error) {
	k, err := parseClaim(h.Request.Header.Get(claimHeader))
	switch {
	case err != nil:
		return fanout.Identity{}, nil
	case k.Later:
		return fanout.Identity{}, fanout.ErrAuthLater
	}
	return k.entry(), nil
}

// onAuth believes what a token says. A client that claims to be known inside is given its identity by SetIdentity meanwhile, as
// an embedder may that has found out by another way.
func (r *recorder) onAuth(_ context.Context, s *fanout.Spoke, token string) (fanout.Identity, error) {
	r.mu.Lock()
	if seen := r.records[s]; seen != nil && seen.busy {
		r.failLocked("spoke %d (client %d): got OnAuth while another callback of it runs", s.ID(), seen.client)
	}
	r.mu.Unlock()
	defer r.wake()
	if token == refusedToken {
		return fanout.Identity{}, &fanout.Refusal{Code: fanout.CodeForbidden, Reason: token}
	}
	k, err := parseClaim(token)
	if err != nil {
		return fanout.Identity{}, err
	}
	if k.Inside {
		if err := s.SetIdentity(k.identity()); err != nil {
			return fanout.Identity{}, err
		}
	}
	return k.identity(), nil
}

// identifyInside gives a spoke in OnConnection the identity that its claim wants to get there.
func (r *recorder) identifyInside(s *fanout.Spoke) {
	if k, ok := s.Identity().Value.(claim); ok && k.Inside {
		_ = s.SetIdentity(k.identity())
	}
}

// checkAsked checks that OnSubscribe is asked only about what the spoke's permissions cover.
func (r *recorder) checkAsked(s *fanout.Spoke, seen *spokeRecord, topic string) {
	i := s.Identity()
	if k, ok := i.Value.(claim); ok && i.Permissions != nil && !levels[k.Level].subscribe(topic, k.User) {
		r.fail("client %d: OnSubscribe was asked about %q, which the spoke may not have", seen.client, topic)
	}
}

// sendBeforeIdentity sends what has no effect, since the hub does not know the client yet, and then who it is. It returns how many bytes
// are sent before that.
func (s *sim) sendBeforeIdentity(c *client, who claim, r *rand.Rand) (before int) {
	for range r.IntN(4) {
		switch r.IntN(3) {
		case 0:
			c.sendEarlyControl(pick(r, types...))
		case 1:
			c.sendUncovered(pick(r, types...), pick(r, "", "1"), event.Unauthenticated)
		case 2:
			if c.tokens < 2 {
				c.sendToken(wrongToken, nil)
			}
		}
	}
	who.Later = false
	before = len(c.out)
	c.sendToken(jsonOf(who), &who)
	for range r.IntN(3) {
		s.publishOne(c, r)
	}
	return before
}

// dispatchPast dispatches what a client may not get that the hub does not know yet, and then lets the client say who it is.
func (s *sim) dispatchPast(c *client, r *rand.Rand) {
	s.dispatchSome(nil, r)
	s.dispatchToUser(nil, r)
	c.socket.allowed = unlimited
}

// sendEarlyControl sends a subscription that is rejected whatever the topic.
func (c *client) sendEarlyControl(topic string) {
	c.controls++
	id := fmt.Sprintf("k%d", c.controls)
	answer := string(event.AppendReject(nil, []byte(id), nil, event.Unauthenticated))
	c.replies = append(c.replies, reply{text: answer, control: c.controls})
	c.bytesSent += len(answer) + frameRoom
	c.message(string(event.Append(nil, event.Event{Type: "__subscribe", ID: id, Payload: []byte(jsonOf(map[string]any{"topic": topic}))})))
}

// sendAhead returns what a client has sent before it is added, and somebody has read.
func (s *sim) sendAhead(c *client, r *rand.Rand) (unread []byte) {
	if !s.traits.identities {
		return nil
	}
	for range r.IntN(3) {
		s.publishOne(c, r)
		c.control("__subscribe", fmt.Sprintf("k%d", c.controls), someTopics(r), nil)
	}
	unread, c.out = c.out, nil
	return unread
}
