//go:build faults && linux

package simulation

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/spokehub/spokehub/fanout"
)

const (
	request = "GET /ws HTTP/1.1\r\nHost: hub.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
	handshake = request + "\r\n"
)

// connect puts a new client into a slot. It reaches the hub through Serve or through AddConnection, over various connections.
func (s *sim) connect(slot int, r *rand.Rand) {
	way := pick(r, "serve", "tcp", "unix", "unix", "link")
	if s.traits.secure && oneIn(r, 2) {
		way = "tls"
	}
	if way == "serve" || way == "tls" {
		s.slots[slot] = s.connectByHandshake(way, r)
		return
	}
	s.slots[slot] = s.connectByAdd(way, r)
}

func (s *sim) connectByAdd(way string, r *rand.Rand) *client {
	k, conn := s.pairFor(way, r)
	c := s.newClient(way, k, r.Uint32())
	who := s.someClaim(r)
	s.logf("%v: connect as %+v", c, who)
	c.become(who, 0)
	unread := s.sendAhead(c, r)
	s.join(c, conn, who, fanout.AddOptions{Identity: who.entry(), Unread: unread})
	return c
}

// pairFor is pairOf, with TLS beneath some connections that have no descriptor of their own.
func (s *sim) pairFor(way string, r *rand.Rand) (*socket, net.Conn) {
	if way == "link" && s.traits.secure && oneIn(r, 2) {
		k, conn := s.pairOf("tcp", r)
		return k, s.overTLS(k, conn, r)
	}
	return s.pairOf(way, r)
}

// join has the hub take a client's connection over.
func (s *sim) join(c *client, conn net.Conn, who claim, o fanout.AddOptions) {
	spoke, err := s.hub.AddConnection(conn, o)
	if err != nil {
		s.fail("add connection: %v", err)
	}
	c.spoke = spoke
	s.recorder.assign(spoke, c.id)
	s.awaitInside(c, who)
}

func (s *sim) connectByHandshake(way string, r *rand.Rand) *client {
	k := s.reached(way, r)
	c := s.newClient(way, k, r.Uint32())
	who := s.someClaim(r)
	s.logf("%v: connect as %+v", c, who)
	port := c.port()
	s.recorder.forgetPort(port)
	c.out = append(c.out, s.requestOf(who)...)
	before := 0
	if who.Later {
		before = s.sendBeforeIdentity(c, who, r)
	} else {
		c.become(who, 0)
	}
	if oneIn(r, 2) {
		c.control("__subscribe", "early", []string{pick(r, types...)}, nil)
	}
	waits := who.Later && oneIn(r, 2)
	if waits {
		c.socket.allowed = before
	} else if oneIn(r, 2) {
		c.socket.allowed = 1 + r.IntN(len(c.out))
		s.exchangeFor(time.Millisecond, func() bool { return c.socket.allowed == 0 })
		c.socket.allowed = unlimited
	}
	s.awaitAccepted("the answer to a handshake", func() bool {
		c.read()
		return c.ended || bytes.Contains(c.in, []byte("\r\n\r\n"))
	})
	head, rest, whole := bytes.Cut(c.in, []byte("\r\n\r\n"))
	if !whole || !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) {
		if s.traits.plan.Reset == 0 {
			c.fail("got %q as the answer to a handshake", c.in)
		}
		s.neverKnown++
		s.lostInHandshake(c)
		return c
	}
	c.in = rest
	if waits {
		s.dispatchPast(c, r)
	}
	s.await("OnConnection", func() bool {
		return s.recorder.spokeAt(port) != nil || who.Later && s.traits.plan.Reset > 0 && c.hasEnded()
	})
	if s.recorder.spokeAt(port) == nil {
		s.neverKnown++
		s.lostInHandshake(c)
		return c
	}
	c.spoke = s.recorder.spokeAt(port)
	s.recorder.assign(c.spoke, c.id)
	s.awaitInside(c, who)
	c.handleFrames()
	return c
}

// awaitInside waits until OnConnection has given the client its identity, if it does.
func (s *sim) awaitInside(c *client, who claim) {
	if !who.Inside {
		return
	}
	s.await("the identity that OnConnection gives", func() bool {
		seen := s.recorder.recordOf(c.spoke)
		return seen.connected > 0 && !seen.busy
	})
}

// hasEnded reads, and reports whether that has come to the end.
func (c *client) hasEnded() bool {
	c.read()
	return c.ended
}

// lostInHandshake gives up a client that was cut off in its handshake. OnConnection may or may not have been called for it.
func (s *sim) lostInHandshake(c *client) {
	c.killed = true
	c.kill()
}

// pausedFor is how long accepting may pause before the driver makes it go on.
const pausedFor = 20 * time.Millisecond

// awaitAccepted waits until a connection is accepted. Where accepting has paused for lack of descriptors, it goes on when other
// connections end, so the driver ends some.
func (s *sim) awaitAccepted(what string, reached func() bool) {
	s.recorder.unblockCallbacks()
	for range 1000 {
		if s.exchangeFor(pausedFor, reached) {
			return
		}
		if s.traits.plan.Exhaust == 0 {
			break
		}
		var short []*client
		for range s.traits.reactors {
			short = append(short, s.connectByAdd("unix", dice(s.seed, -2)))
		}
		for _, c := range short {
			s.kill(c)
		}
	}
	s.await(what, reached)
}

func (s *sim) cutHandshake(_ *client, r *rand.Rand) {
	k := s.dialed(s.port, r)
	k.out = []byte(handshake[:r.IntN(len(handshake)-1)])
	k.flush()
	k.kill()
}

func (s *sim) kill(c *client) {
	if c.gone() {
		return
	}
	c.killed = true
	c.beginEnd(fanout.CausePeerGone)
	c.kill()
}

func (s *sim) closePolitely(c *client, r *rand.Rand) {
	c.wants = pick(r, 1000, 1001, 3000, 4999, 1005)
	c.beginEnd(fanout.CausePeerClosed)
	if c.wants == 1005 {
		c.send(fin|opClose, "")
		return
	}
	c.send(fin|opClose, string(binary.BigEndian.AppendUint16(nil, uint16(c.wants)))+"bye")
}

func (s *sim) violate(c *client, r *rand.Rand) {
	type violation struct {
		code  int
		bytes string
	}
	masked := func(first byte, payload string) string { return string(clientFrame(first, payload, r.Uint32())) }
	v := pick(r,
		violation{1002, "\x81\x01a"},
		violation{1002, masked(fin|0x40|opText, "x")},
		violation{1002, masked(fin|3, "x")},
		violation{1002, masked(opPing, "")},
		violation{1002, masked(fin|opPing, strings.Repeat("x", 126))},
		violation{1002, masked(fin|opContinuation, "x")},
		violation{1002, masked(fin|opClose, "x")},
		violation{1002, masked(fin|opClose, "\x03\xed")},
		violation{1007, masked(fin|opText, "\xff")},
		violation{1009, "\x81\xff" + string(binary.BigEndian.AppendUint64(nil, 1<<20)) + "mask"},
	)
	s.logf("  %q, for %d", v.bytes[:min(8, len(v.bytes))], v.code)
	c.wants = v.code
	c.beginEnd(fanout.CauseViolation)
	c.out = append(c.out, v.bytes...)
	for range r.IntN(100) {
		c.out = append(c.out, byte(r.Uint32()))
	}
}

func (s *sim) closeSpoke(c *client, r *rand.Rand) {
	c.wants = pick(r, 1000, 1008, 4401)
	c.beginEnd(fanout.CauseClosed)
	c.spoke.Close(uint16(c.wants), "done")
	s.dispatch(pick(r, types...), "", 0)
}

func (s *sim) closeInCallback(c *client, r *rand.Rand) {
	if !s.traits.onEvent {
		return
	}
	text := s.composeEvent(c, r, "close", 0)
	c.wants = codeOfCallback
	c.beginEnd(fanout.CauseClosed)
	c.message(text)
}

// removeInCallback has a callback remove its own connection from the hub and close it after what is queued.
func (s *sim) removeInCallback(c *client, r *rand.Rand) {
	if !s.traits.onEvent {
		return
	}
	text := s.composeEvent(c, r, "remove", 0)
	c.removed = true
	c.beginEnd(fanout.CauseRemoved)
	c.message(text)
}

// removeSpoke removes a connection from the hub and goes on reading and writing it.
func (s *sim) removeSpoke(c *client, r *rand.Rand) {
	live, err := s.hub.RemoveConnection(c.spoke.Conn())
	if err != nil {
		if !errors.Is(err, fanout.ErrNotConnected) {
			c.fail("remove connection: %v", err)
		}
		return
	}
	c.removed = true
	c.beginEnd(fanout.CauseRemoved)
	c.ownerMessage = fmt.Sprintf(`{"owner":%d}`, c.id)
	tail := fmt.Sprintf("tail %d", c.id)
	c.message(tail)
	c.stalled = false
	c.socket.allowed = unlimited
	opcode := byte(opText)
	if s.traits.binary {
		opcode = opBinary
	}
	written, read := make(chan error, 1), make(chan []string, 1)
	own := append([]byte{fin | opcode, byte(len(c.ownerMessage))}, c.ownerMessage...)
	go func() {
		_, err := live.Write(own)
		written <- err
	}()
	go func() {
		read <- readUntil(live, tail)
		s.recorder.wake()
	}()
	var came []string
	s.await("what a removed connection hands back", func() bool {
		select {
		case came = <-read:
		default:
		}
		return came != nil && c.ownerMessage == ""
	})
	if err := <-written; err != nil {
		c.fail("write on a removed connection: %v", err)
	}
	gives := s.traits.secure && len(came) > 0 && came[len(came)-1] == tail && !c.ended && oneIn(r, 2)
	if !gives {
		live.Close()
	}
	if want := c.messages[max(0, len(c.messages)-len(came)):]; !slices.Equal(came, want) {
		c.fail("got %.300q from a removed connection, want %.300q", came, want)
	}
	s.await("OnDisconnection of a removed connection", func() bool { return s.recorder.recordOf(c.spoke).disconnected == 1 })
	s.verifyHandedBack(c, came)
	if gives {
		s.giveBack(c, live, r)
	}
}

// verifyHandedBack checks that every event of a removed connection was either heard or handed back.
func (s *sim) verifyHandedBack(c *client, came []string) {
	handedBack := 0
	for _, text := range came {
		if strings.Contains(text, `"do":`) {
			handedBack++
		}
	}
	heard, sent := s.recorder.recordOf(c.spoke).heard, len(s.seriesOf(c))
	if s.traits.onEvent && heard+handedBack != sent {
		c.fail("removed: got %d events heard and %d handed back, want %d together", heard, handedBack, sent)
	}
}

// readUntil returns the messages that come, up to the one that equals last.
func readUntil(conn net.Conn, last string) []string {
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
	came := []string{}
	var b []byte
	var buffer [4096]byte
	message := ""
	for {
		n, err := conn.Read(buffer[:])
		b = append(b, buffer[:n]...)
		for {
			first, payload, rest, ok := unmasked(b)
			if !ok {
				break
			}
			b = rest
			if first&0x8 != 0 {
				continue
			}
			message += payload
			if first&fin != 0 {
				came = append(came, message)
				message = ""
			}
		}
		if err != nil || len(came) > 0 && came[len(came)-1] == last {
			return came
		}
	}
}

// useEndedSpoke calls methods of a spoke that has ended. Another spoke may have its slot by now.
func (s *sim) useEndedSpoke(_ *client, r *rand.Rand) {
	start := r.IntN(len(s.clients))
	for i := range s.clients {
		c := s.clients[(start+i)%len(s.clients)]
		if c.spoke == nil || s.recorder.recordOf(c.spoke).disconnected == 0 {
			continue
		}
		x := s.newEvent(driverSeries, pick(r, types...), "", "", 0)
		c.spoke.DispatchEvent(x.event)
		c.spoke.Close(codeOfCallback, "too late")
		if got := c.spoke.Subscriptions(); len(got) > 0 {
			c.fail("got the subscriptions %q after its end", got)
		}
		if _, err := s.hub.RemoveConnection(c.spoke.Conn()); !errors.Is(err, fanout.ErrNotConnected) {
			c.fail("got %v from RemoveConnection after its end, want ErrNotConnected", err)
		}
		if s.recorder.recordOf(c.spoke).cause.Kind == fanout.CausePeerGone {
			s.verifyNoTrace(c)
		}
		return
	}
}

// verifyNoTrace checks that a spoke shows nothing of its ended connection, nor of another in its slot.
func (s *sim) verifyNoTrace(c *client) {
	if got := c.spoke.BufferedAmount(); got != 0 {
		c.fail("got %d bytes buffered after its end", got)
	}
	if !s.traits.engine.HasDescriptors() || c.way == "link" {
		return
	}
	if got, want := c.spoke.Conn().LocalAddr().String(), (&net.TCPAddr{}).String(); got != want {
		c.fail("got the local address %s after its end, want %s", got, want)
	}
}
