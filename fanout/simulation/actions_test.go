//go:build faults && linux

package simulation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/netpoll"
)

// action is one thing that the driver may do to the client of a slot.
type action struct {
	name string
	// weight is how often it comes, relative to the others.
	weight int
	run    func(s *sim, c *client, r *rand.Rand)
}

var actions = []action{
	{"subscribe", 14, (*sim).subscribe},
	{"unsubscribe", 6, (*sim).unsubscribe},
	{"publish", 14, (*sim).publishOne},
	{"publish in fragments", 4, (*sim).publishFragments},
	{"publish many after a callback that blocks", 1, (*sim).publishMany},
	{"dispatch", 20, (*sim).dispatchSome},
	{"dispatch a flood", 5, (*sim).flood},
	{"dispatch to one", 5, (*sim).dispatchOne},
	{"ping", 4, (*sim).ping},
	{"malformed message", 3, (*sim).malformed},
	{"stall", 5, (*sim).stall},
	{"resume", 4, (*sim).resume},
	{"send a part", 4, (*sim).sendPart},
	{"barrier", 3, func(s *sim, _ *client, _ *rand.Rand) { s.barrier() }},
	{"die", 3, func(s *sim, c *client, _ *rand.Rand) { s.kill(c) }},
	{"close politely", 2, (*sim).closePolitely},
	{"violate", 3, (*sim).violate},
	{"cut a handshake", 1, (*sim).cutHandshake},
	{"be closed", 2, (*sim).closeSpoke},
	{"be closed by a callback", 1, (*sim).closeInCallback},
	{"be removed", 3, (*sim).removeSpoke},
	{"be removed by a callback", 1, (*sim).removeInCallback},
	{"use a spoke that has ended", 4, (*sim).useEndedSpoke},
	{"add a listener", 3, (*sim).addSomeListener},
	{"remove a listener", 2, (*sim).removeSomeListener},
	{"check the queue", 5, (*sim).checkQueue},
	{"check the subscriptions", 2, (*sim).checkSubscriptions},
}

// identityActions come beside the others where clients have identities or there are topic rules.
var identityActions = append(slices.Clone(actions), []action{
	{"renew an identity", 10, (*sim).renew},
	{"get an identity", 4, (*sim).setIdentity},
	{"expire", 1, (*sim).expire},
	{"dispatch to a user", 10, (*sim).dispatchToUser},
	{"reconfigure", 2, (*sim).reconfigure},
	{"be subscribed", 5, (*sim).beSubscribed},
	{"be unsubscribed", 2, (*sim).beUnsubscribed},
	{"be disconnected as a user", 1, (*sim).disconnectUser},
	{"fail to identify", 1, (*sim).failToIdentify},
}...)

func choose(r *rand.Rand, actions []action) action {
	total := 0
	for _, a := range actions {
		total += a.weight
	}
	n := r.IntN(total)
	for _, a := range actions {
		if n -= a.weight; n < 0 {
			return a
		}
	}
	panic("unreachable")
}

// act plays one action, with dice of its own: what the dice of earlier actions were used for does not change it.
func (s *sim) act(r *rand.Rand) {
	from := actions
	if s.traits.identities || s.traits.rules {
		from = identityActions
	}
	a := choose(r, from)
	slot := r.IntN(len(s.slots))
	c := s.slots[slot]
	if c == nil || !c.usable() {
		s.connect(slot, r)
		return
	}
	s.logf("%v: %s", c, a.name)
	a.run(s, c, r)
}

var types = []string{"a", "b", "c"}

func someTopic(r *rand.Rand) string {
	switch r.IntN(12) {
	case 0:
		return forbiddenTopic
	case 1:
		return pick(r, "", "__x", "a:", ":1", "a\x01")
	case 2, 3, 4, 5, 6:
		return pick(r, types...)
	}
	return pick(r, types...) + ":" + pick(r, "1", "2")
}

func someTopics(r *rand.Rand) []string {
	topics := make([]string, 1+r.IntN(3))
	for i := range topics {
		topics[i] = someTopic(r)
	}
	return topics
}

func (s *sim) subscribe(c *client, r *rand.Rand) { s.controlSome(c, "__subscribe", r) }

func (s *sim) unsubscribe(c *client, r *rand.Rand) { s.controlSome(c, "__unsubscribe", r) }

func (s *sim) controlSome(c *client, kind string, r *rand.Rand) {
	id := fmt.Sprintf("k%d", c.controls)
	if oneIn(r, 6) {
		id = ""
	}
	topics := someTopics(r)
	s.logf("  %s %q id %q", kind, topics, id)
	c.control(kind, id, topics, nil)
	if oneIn(r, 2) {
		return
	}
	want := c.controls
	c.askForAnswer(func() {})
	if !c.stalled && oneIn(r, 2) {
		c.socket.allowed = unlimited
		s.await("an answer", func() bool { return c.confirmed > want || c.gone() || c.closed })
	}
}

// composeEvent makes an event for a client to send, and returns the text of the message.
func (s *sim) composeEvent(c *client, r *rand.Rand, do string, pad int) string {
	typ, id := pick(r, types...), pick(r, "", "1", "2")
	for tries := 0; !c.mayPublish(typ, id) || c.doubtful && topicOf(typ, id) != always; tries++ {
		if !c.mayPublish(typ, id) {
			c.sendUncovered(typ, id, event.Forbidden)
		}
		typ, id = pick(r, types...), pick(r, "", "1", "2")
		if tries > 2 {
			typ, id = always, ""
		}
	}
	x := s.newEvent(relaySeries(c.id), typ, id, do, pad)
	x.by, x.origin = c, x.seq
	if s.traits.relay {
		x.inFlight = true
		s.decideReceivers(x, c)
		s.inFlight = append(s.inFlight, x)
	}
	if do == "echo" {
		y := s.newEvent(echoSeries(c.id), pick(r, types...), pick(r, "", "1", "2"), "", r.IntN(200))
		y.by, y.origin, y.inFlight = c, x.seq, true
		s.decideReceivers(y, nil)
		s.inFlight = append(s.inFlight, y)
		s.recorder.mu.Lock()
		s.recorder.echoes[[2]int{x.series, x.seq}] = y.event
		s.recorder.mu.Unlock()
	}
	s.logf("  event %d of series %d, %s:%s, %q", x.seq, x.series, typ, id, do)
	if oneIn(r, 3) {
		return fmt.Sprintf(` {"payload": %s, "other":[1,{"x":null}], "id":%s ,"type":%s}`, x.event.Payload, jsonOf(id), jsonOf(typ))
	}
	return x.wire
}

// sendForbidden sends an event that nobody may get to see, if OnPublish forbids any. It belongs to no series.
func (s *sim) sendForbidden(c *client, typ string) {
	if s.traits.onPublish {
		c.sendUncovered(typ, forbiddenID, event.Forbidden)
	}
}

// someInstruction returns what OnEvent shall do when it sees an event.
func (s *sim) someInstruction(r *rand.Rand) string {
	if !s.traits.onEvent {
		return ""
	}
	return pick(r, "", "", "", "", "panic", "echo", "echo", "block")
}

func (s *sim) publishOne(c *client, r *rand.Rand) {
	do := s.someInstruction(r)
	if do == "block" {
		s.recorder.blockCallbacks()
	}
	for range 1 + r.IntN(4) {
		c.message(s.composeEvent(c, r, do, r.IntN(300)))
		s.sendForbidden(c, types[len(c.messages)%len(types)])
		do = ""
	}
}

func (s *sim) publishFragments(c *client, r *rand.Rand) {
	text := s.composeEvent(c, r, s.someInstruction(r), r.IntN(600))
	c.messages = append(c.messages, text)
	first, cut := byte(opText), 0
	for range 1 + r.IntN(3) {
		next := cut + r.IntN(len(text)-cut)
		c.send(first, text[cut:next])
		first, cut = opContinuation, next
		if oneIn(r, 2) {
			s.ping(c, r)
		}
	}
	c.send(first|fin, text[cut:])
	s.recorder.blockCallbacks()
}

func (s *sim) publishMany(c *client, r *rand.Rand) {
	do := ""
	if s.traits.onEvent {
		do = "block"
		s.recorder.blockCallbacks()
	}
	for range 700 {
		s.sendForbidden(c, types[0])
		c.message(s.composeEvent(c, r, do, 0))
		do = ""
	}
	for range 20 {
		if !s.exchange() {
			s.wait()
		}
	}
}

func (s *sim) dispatch(typ, id string, pad int) {
	x := s.newEvent(driverSeries, typ, id, "", pad)
	s.logf("  event %d, %s:%s, %d bytes", x.seq, typ, id, x.size())
	s.decideReceivers(x, nil)
	s.handToHub(x.event)
}

// slowDispatch is how long a dispatch takes that the hub slows down for readers that are behind.
const slowDispatch = 2 * time.Millisecond

// handToHub dispatches an event. Where that is slowed down, time passes faster for the hub.
func (s *sim) handToHub(e event.Event) {
	began := time.Now()
	if !s.hub.DispatchEvent(e) {
		s.fail("got false from DispatchEvent")
	}
	if time.Since(began) > slowDispatch {
		netpoll.SkipAhead()
	}
}

func (s *sim) dispatchSome(_ *client, r *rand.Rand) {
	pad := pick(r, 0, 50, 400)
	for range 1 + r.IntN(5) {
		s.dispatch(pick(r, types...), pick(r, "", "1", "2"), pad)
	}
}

// flood dispatches more than the queue of a client that stalls can hold.
func (s *sim) flood(c *client, r *rand.Rand) {
	c.stalled = c.stalled || oneIn(r, 2)
	typ := pick(r, types...)
	for topic := range c.topics {
		if slices.Contains(types, topic) {
			typ = min(typ, topic)
		}
	}
	size := min(s.traits.queueLimit/4, pick(r, 200, 1500, 6000))
	if oneIn(r, 30) {
		size = s.traits.queueLimit
	}
	for range 1 + min(60, 2*s.traits.queueLimit/size) {
		s.dispatch(typ, "1", size)
	}
}

func (s *sim) dispatchOne(c *client, r *rand.Rand) {
	x := s.newEvent(driverSeries, pick(r, types...), "7", "", r.IntN(100))
	x.verdicts = make([]verdict, len(s.clients))
	s.setVerdict(x, c.id, must)
	c.spoke.DispatchEvent(x.event)
}

func (s *sim) ping(c *client, r *rand.Rand) {
	payload := fmt.Sprintf("%0*d", 8+r.IntN(100), c.pinged)
	c.pinged++
	c.pongs = append(c.pongs, payload)
	c.bytesSent += len(payload) + frameRoom
	c.send(fin|opPing, payload)
}

func (s *sim) malformed(c *client, r *rand.Rand) {
	c.message(pick(r, "", "{", `{"type":"a"`, `{"type":1}`, `{"type":"a:b"}`, `[]`, `{"type":"a","type":"a"}`, `{"type":"__what","id":"x"}`))
}

func (s *sim) stall(c *client, _ *rand.Rand) { c.stalled = true }

func (s *sim) resume(c *client, _ *rand.Rand) {
	c.stalled = false
	c.socket.allowed = unlimited
}

func (s *sim) sendPart(c *client, r *rand.Rand) {
	c.socket.allowed = 1 + r.IntN(60)
	if oneIn(r, 2) {
		s.publishOne(c, r)
	}
}

func (s *sim) addSomeListener(c *client, r *rand.Rand) {
	if oneIn(r, 2) {
		c = nil
	}
	topic := someTopic(r)
	if _, _, err := event.SplitTopic(topic); err == nil {
		s.logf("  to %s, of %v", topic, c != nil)
		s.addListener(topic, c, oneIn(r, 4))
	}
}

func (s *sim) removeSomeListener(_ *client, r *rand.Rand) {
	if len(s.listeners) == 0 {
		return
	}
	if e := s.listeners[r.IntN(len(s.listeners))]; e.removed == 0 {
		s.removeListener(e)
	}
}

func (s *sim) checkQueue(c *client, _ *rand.Rand) {
	if queued := c.spoke.BufferedAmount(); queued > s.traits.queueLimit+closeFrameRoom {
		s.fail("%v: got %d bytes queued with a limit of %d", c, queued, s.traits.queueLimit)
	}
	s.stats()
}

func (s *sim) checkSubscriptions(c *client, _ *rand.Rand) {
	if c.confirmed < c.controls {
		return
	}
	got := c.spoke.Subscriptions()
	if len(got) == 0 {
		return
	}
	slices.Sort(got)
	var want []string
	for topic := range c.topics {
		want = append(want, topic)
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		s.fail("%v: got the subscriptions %q, want %q", c, got, want)
	}
	for _, topic := range types {
		members := s.hub.Members(topic)
		if is, want := slices.Contains(members, c.spoke), c.topics[topic]; is != want && (is || c.spoke.Subscriptions() != nil) {
			s.fail("%v: got it among the members of %q %v, want %v", c, topic, is, want)
		}
	}
}
