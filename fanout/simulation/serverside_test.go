//go:build faults && linux

package simulation

import (
	"errors"
	"math/rand/v2"
	"strings"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// beSubscribed has the hub's side subscribe a client to a topic, whatever its permissions are.
func (s *sim) beSubscribed(c *client, r *rand.Rand) {
	topic := topicOf(pick(r, types...), pick(r, "", "1", "2"))
	if !s.settle(c) {
		return
	}
	s.logf("  to %s", topic)
	err := c.spoke.Subscribe(topic)
	switch {
	case errors.Is(err, fanout.ErrNotConnected):
	case !c.topics[topic] && len(c.topics) >= s.traits.maxTopics:
		if !errors.Is(err, fanout.ErrTopicLimit) {
			c.fail("got %v of a topic over the limit, want ErrTopicLimit", err)
		}
	case err != nil:
		c.fail("subscribe: %v", err)
	case !c.topics[topic]:
		c.awaitUnanswered(topic)
		c.setSubscription(topic, true, c.confirmed)
	}
}

// beUnsubscribed has the hub's side remove a client from a topic.
func (s *sim) beUnsubscribed(c *client, r *rand.Rand) {
	topic := topicOf(pick(r, types...), pick(r, "", "1", "2"))
	if !s.settle(c) {
		return
	}
	s.logf("  from %s", topic)
	if err := c.spoke.Unsubscribe(topic); err == nil {
		c.setSubscription(topic, false, c.confirmed)
	} else if !errors.Is(err, fanout.ErrNotConnected) {
		c.fail("unsubscribe: %v", err)
	}
}

// disconnectUser closes all connections of a user.
func (s *sim) disconnectUser(_ *client, r *rand.Rand) {
	if !s.traits.identities {
		return
	}
	user, most := pick(r, users...), 0
	for _, c := range s.clients {
		if c.user != user || c.spoke == nil {
			continue
		}
		if s.recorder.recordOf(c.spoke).disconnected == 0 {
			most++
		}
		if c.ending {
			c.wants = anyCode
		} else {
			c.wants = codeOfUser
		}
		c.beginEnd(fanout.CauseClosed)
	}
	got := s.hub.DisconnectUser(user, codeOfUser, "go")
	s.logf("  all %d connections of %q", got, user)
	if got > most {
		s.fail("got %d connections of %q closed, want %d at most", got, user, most)
	}
	for _, c := range s.clients {
		c.left = c.left || c.user == user && c.spoke != nil
	}
	s.dispatchSome(nil, r)
	s.dispatchToUser(nil, r)
}

// codeOfUser is the close code of users who are disconnected.
const codeOfUser = 4003

// failToIdentify has a client send wrong tokens until the hub closes it.
func (s *sim) failToIdentify(_ *client, r *rand.Rand) {
	if !s.traits.identities {
		return
	}
	s.neverKnown++
	k := s.dialed(s.port, r)
	lost := &client{socket: k, id: nobodyKnown, sim: s, persona: newPersona()}
	k.out = append(k.out, s.requestOf(claim{Later: true})...)
	for range 3 {
		lost.sendUncovered(pick(r, types...), "", event.Unauthenticated)
		lost.sendToken(wrongToken, nil)
	}
	lost.sendUncovered(pick(r, types...), "", event.Unauthenticated)
	s.awaitAccepted("the end of a client that failed to identify itself", func() bool {
		k.flush()
		k.read()
		return k.ended
	})
	k.close()
	if s.traits.plan.Reset > 0 {
		return
	}
	_, frames, _ := strings.Cut(string(k.in), "\r\n\r\n")
	k.in = []byte(frames)
	for {
		op, payload, ok, err := k.frame()
		switch {
		case err != nil || !ok:
			s.fail("got %v and no close frame of a client that failed to identify itself", err)
		case op == opClose:
			if len(lost.replies) > 0 || len(payload) < 2 || int(payload[0])<<8|int(payload[1]) != fanout.CodeUnauthorized {
				s.fail("got the close frame %q after %d answers, want %d after all", payload, 3-len(lost.replies), fanout.CodeUnauthorized)
			}
			return
		case op == opPing:
		case isNotice(string(payload)):
			lost.checkNotice(string(payload))
		default:
			lost.replied(string(payload))
		}
	}
}
