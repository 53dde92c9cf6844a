//go:build faults && linux

package simulation

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/spokehub/spokehub/fanout"
)

// hostile is a client that attacks the hub. The model does not follow what it sends and gets: it knows what may end it, and that nobody
// else notices. It belongs to the driver.
//
// I1: only what the contract allows ends it: the causes of its attack, or what the driver did to it.
// I2: what it gets is whole frames, and a close frame is the last of them and has a code of its attack.
type hostile struct {
	*socket
	attack attack
	sim    *sim
	spoke  *fanout.Spoke
	// polled says that the hub's end has a descriptor.
	polled bool
	// left is how many rounds of its attack are left; sent numbers what it sends, and pongs counts what it got.
	left  int
	sent  int
	pongs int
	// reads says that it reads what comes, all at once or, while slow is true, some bytes at a time.
	reads bool
	slow  bool
	hostileEnd
}

// hostileEnd is how a hostile client has ended.
type hostileEnd struct {
	// killed: the driver has cut it off.
	killed bool
	// closed is true once a close frame has come; code is its code.
	closed bool
	code   int
}

// attack is one way to attack.
type attack struct {
	name string
	// round sends what comes next.
	round func(h *hostile, r *rand.Rand)
	// reads is how it reads until the end comes, when all do.
	reads reading
	// topics are those that it subscribes to at first.
	topics []string
	// codes are the close codes that the hub may send it before the hub shuts down, and causes those of its end.
	codes  []int
	causes []fanout.CauseKind
}

// reading is how a hostile client reads.
type reading uint8

const (
	readsNothing reading = iota
	readsSlowly
	readsAll
)

const (
	// hostileType is the type of all events of hostile clients. Honest clients are not subscribed to it.
	hostileType = "z"
	// attackRounds is how many rounds an attack has at most.
	attackRounds = 12
	// hostileSpoke marks the record of a hostile client's spoke.
	hostileSpoke = -2
)

var attacks = []attack{
	{name: "pings without reading", round: (*hostile).pingFlood},
	{name: "pings", round: (*hostile).pingFlood, reads: readsAll},
	{name: "frames that are no messages", round: (*hostile).frameFlood},
	{name: "fragments of one byte", round: (*hostile).fragmentFlood, reads: readsAll},
	{name: "control events with too many topics", round: (*hostile).topicFlood},
	{name: "bad topics with ids", round: (*hostile).badTopicFlood},
	{name: "subscriptions that come and go", round: (*hostile).churnTopics, reads: readsSlowly},
	{name: "an unfinished message with half a ping inside", round: (*hostile).leaveUnfinished},
	{name: "a flood after its close", round: (*hostile).floodAfterClose, codes: []int{1000}, causes: []fanout.CauseKind{fanout.CausePeerClosed}},
	{name: "a flood after a breach", round: (*hostile).floodAfterBreach, codes: []int{1002}, causes: []fanout.CauseKind{fanout.CauseViolation}},
	{name: "stalling", round: (*hostile).floodItself, topics: []string{hostileType}, codes: []int{fanout.CodeTryLater},
		causes: []fanout.CauseKind{fanout.CauseBackpressure}},
	{name: "reading slowly", round: (*hostile).floodItself, reads: readsSlowly, topics: []string{hostileType}, codes: []int{fanout.CodeTryLater},
		causes: []fanout.CauseKind{fanout.CauseBackpressure}},
	{name: "relays of the longest messages", round: (*hostile).relayFlood},
	{name: "connections that come and go", round: (*hostile).churnConnections},
}

// addHostile connects a hostile client.
func (s *sim) addHostile(r *rand.Rand) {
	way := pick(r, "tcp", "unix", "link")
	if s.traits.secure && oneIn(r, 2) {
		way = "tls"
	}
	h := &hostile{sim: s, attack: pick(r, attacks...), left: 1 + r.IntN(attackRounds)}
	h.polled = way != "link" && s.traits.engine.HasDescriptors()
	h.reads, h.slow = h.attack.reads != readsNothing, h.attack.reads == readsSlowly
	s.logf("hostile client %d (%s): %s", len(s.hostiles), way, h.attack.name)
	if way == "tls" {
		h.enterSecurely(r)
	} else {
		h.enter(way, r)
	}
	s.recorder.assign(h.spoke, hostileSpoke)
	s.hostiles = append(s.hostiles, h)
	if len(h.attack.topics) > 0 {
		h.text(fmt.Sprintf(`{"type":"__subscribe","payload":{"topics":%s}}`, jsonOf(h.attack.topics)))
	}
}

func (h *hostile) enter(way string, r *rand.Rand) {
	k, conn := h.sim.pairOf(way, r)
	spoke, err := h.sim.hub.AddConnection(conn)
	if err != nil {
		h.sim.fail("add a hostile connection: %v", err)
	}
	h.socket, h.spoke = k, spoke
}

// enterSecurely comes by a handshake within TLS.
func (h *hostile) enterSecurely(r *rand.Rand) {
	s, k := h.sim, h.sim.reached("tls", r)
	s.came[securely]++
	port := k.port()
	s.recorder.forgetPort(port)
	k.out = []byte(s.requestOf(claim{}))
	s.awaitAccepted("the answer to a hostile handshake", func() bool {
		k.flush()
		k.read()
		return k.ended || bytes.Contains(k.in, []byte("\r\n\r\n"))
	})
	s.await("OnConnection of a hostile client", func() bool { return s.recorder.spokeAt(port) != nil })
	_, k.in, _ = bytes.Cut(k.in, []byte("\r\n\r\n"))
	h.socket, h.spoke = k, s.recorder.spokeAt(port)
}

// attackAll has some hostile clients go on with their attacks.
func (s *sim) attackAll(r *rand.Rand) {
	for _, h := range s.hostiles {
		switch {
		case h.fd < 0 || h.closed || len(h.out) > maxUnsent || oneIn(r, 2):
		case h.left > 0:
			h.left--
			h.attack.round(h, r)
		case oneIn(r, 100):
			h.cut()
		}
		h.verifyBounds()
	}
}

// maxUnsent is how much a hostile client has to send at most before it sends more.
const maxUnsent = 256 << 10

// verifyBounds checks what the hub holds for a hostile client.
func (h *hostile) verifyBounds() {
	if limit := h.sim.traits.queueLimit; h.fd >= 0 && h.spoke.BufferedAmount() > limit+limit/4+closeFrameRoom {
		h.sim.fail("hostile client (%s): got %d bytes queued with a limit of %d", h.attack.name, h.spoke.BufferedAmount(), limit)
	}
}

// cut ends its connection without a word.
func (h *hostile) cut() {
	h.killed = true
	h.kill()
}

// exchange sends and reads what it wants to, and reports whether it read anything.
func (h *hostile) exchange() (progress bool) {
	h.flush()
	if !h.reads || h.fd < 0 {
		return false
	}
	if h.slow {
		progress = h.readSome(64)
	} else {
		progress = h.read()
	}
	h.handleFrames()
	return progress
}

func (h *hostile) handleFrames() {
	for {
		op, payload, ok, err := h.frame()
		switch {
		case err != nil || ok && h.closed:
			h.sim.fail("hostile client (%s): got %v, opcode %d after a close frame %v", h.attack.name, err, op, h.closed)
		case !ok:
			if h.ended {
				h.streamEnded()
			}
			return
		case op == opPong:
			h.pongs++
		case op == opClose:
			h.closeFrame(payload)
		}
	}
}

func (h *hostile) closeFrame(payload []byte) {
	h.closed, h.code = true, 1005
	if len(payload) >= 2 {
		h.code = int(binary.BigEndian.Uint16(payload))
	}
	if !slices.Contains(h.attack.codes, h.code) && (h.code != fanout.CodeRestart || !h.sim.ending) {
		h.sim.fail("hostile client (%s): got a close frame with %d, want one of %v", h.attack.name, h.code, h.attack.codes)
	}
}

func (h *hostile) streamEnded() {
	if h.sim.traits.plan.Reset == 0 && (len(h.in) > 0 || !h.closed || h.failed != nil) {
		h.sim.fail("hostile client (%s): got the end with %.60q left, a close frame %v, %v", h.attack.name, h.in, h.closed, h.failed)
	}
	h.close()
}

// calm ends all attacks: those that are left read what there is, up to the end of the stream.
func (s *sim) calm() {
	s.ending = true
	for _, h := range s.hostiles {
		h.left, h.out = 0, nil
		h.reads, h.slow = true, false
	}
}

// verifyHostile checks how the connection of a hostile client has ended.
func (s *sim) verifyHostile(h *hostile, seen *spokeRecord) {
	allowed := append([]fanout.CauseKind{fanout.CauseShutdown}, h.attack.causes...)
	if h.killed || s.traits.plan.Reset > 0 {
		allowed = append(allowed, fanout.CausePeerGone)
	}
	if !slices.Contains(allowed, seen.cause.Kind) {
		s.fail("hostile client (%s): got the cause %v, want one of %v", h.attack.name, seen.cause, allowed)
	}
	if seen.cause.Kind == fanout.CauseBackpressure && !h.killed && h.code != fanout.CodeTryLater {
		s.fail("hostile client (%s): came back after backpressure and got %d, want %d", h.attack.name, h.code, fanout.CodeTryLater)
	}
}
