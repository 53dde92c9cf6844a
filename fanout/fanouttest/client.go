package fanouttest

import (
	"bytes"
	"net"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/wsframe"
)

// Client is a WebSocket client. It reads all the time, answers pings and close frames as a browser does, and keeps the events
// that arrive until the test asks for them.
//
// Owners: controls and spoke belong to the goroutine of the test; wire and received to any goroutine; the rest never changes.
type Client struct {
	hub *Hub
	// spoke is nil until it is asked for, if the client was dialed; local is then the address of the hub's end.
	spoke    *fanout.Spoke
	local    net.Addr
	wire     *wire
	received *received
	// controls is the number of control events sent; the next one's id.
	controls int
}

func newClient(h *Hub, spoke *fanout.Spoke, conn net.Conn) *Client {
	c := &Client{hub: h, spoke: spoke, received: newReceived()}
	c.wire = startWire(conn, c.received)
	return c
}

// Spoke returns the hub's side of the client. For one that [Hub.Dial] has connected it is nil before the hub knows who the client is
// (see fanout.ErrAuthLater), and after the end if nobody asked before.
func (c *Client) Spoke() *fanout.Spoke {
	if c.spoke != nil {
		return c.spoke
	}
	for s := range c.hub.Spokes() {
		if s.Conn().LocalAddr() == c.local {
			c.spoke = s
		}
	}
	return c.spoke
}

// Send sends an event to the hub. It does not wait until the hub has read it; [Hub.Quiet] does. It fails the test if e is not
// valid or the connection has ended.
func (c *Client) Send(e event.Event) {
	c.hub.t.Helper()
	if err := e.Validate(); err != nil {
		c.hub.t.Fatalf("send: %v", err)
	}
	c.text(event.Append(nil, e))
}

func (c *Client) text(message []byte) {
	c.hub.t.Helper()
	if !c.wire.send(wsframe.Text, message) {
		c.hub.t.Fatalf("send %s: %v", message, c.received.ending())
	}
}

// Next returns the next event that arrives, or has arrived and was not asked for. It fails the test if none comes within
// [Hub.Patience] or the connection ends first.
func (c *Client) Next() event.Event {
	c.hub.t.Helper()
	return c.next("the next event")
}

// Expect wants the next events to be these, in this order and with the same payload bytes; no payload is null.
func (c *Client) Expect(want ...event.Event) {
	c.hub.t.Helper()
	for _, w := range want {
		wanted := describe(w)
		if got := describe(c.next(wanted)); got != wanted {
			c.hub.t.Fatalf("got the event %s, want %s", got, wanted)
		}
	}
}

// ExpectNone waits until the hub is quiet and wants no event to be there that was not asked for.
func (c *Client) ExpectNone() {
	c.hub.t.Helper()
	c.hub.Quiet()
	if left := c.received.left(); len(left) > 0 {
		c.hub.t.Fatalf("got the event %s and %d more, want none", describe(left[0]), len(left)-1)
	}
}

func (c *Client) next(what string) (e event.Event) {
	c.hub.t.Helper()
	c.await(what, func(r *received) bool {
		arrived := len(r.events) > 0
		if arrived {
			e = r.events[0]
			r.events = r.events[1:]
		}
		return arrived
	})
	return e
}

// Stall stops reading: what the hub sends from now on waits. The hub counts what it can write at once, 64 KiB at most, as delivered; the
// rest is queued on its side. It returns when nothing is read any more. Send still works.
func (c *Client) Stall() { c.wire.gate.stall() }

// Resume reads on after Stall.
func (c *Client) Resume() { c.wire.gate.resume() }

// Close ends the connection as a client does that is done: it sends the close code 1000, reads up to the hub's answer and hangs
// up. It reads on after Stall.
func (c *Client) Close() {
	c.hub.t.Helper()
	c.Resume()
	c.wire.send(wsframe.CloseOp, wsframe.AppendClose(nil, fanout.CodeNormal, "")[2:])
	c.awaitEnd()
}

// Cut ends the connection without a word, as a crash does.
func (c *Client) Cut() {
	c.wire.cut()
	c.wire.wait()
}

// Closed waits for the end of the connection and returns the close code and reason that the hub sent: 1005 for a close frame without
// a code, 1006 for an end without a close frame. Events that arrived before can still be read with Next. A client that
// stalls does not notice the end.
func (c *Client) Closed() (code uint16, reason string) {
	c.hub.t.Helper()
	return c.awaitEnd()
}

func (c *Client) awaitEnd() (code uint16, reason string) {
	c.hub.t.Helper()
	c.awaitOf("the end of the connection", func(r *received) bool { return r.end != nil })
	end := c.received.ending()
	return end.code, end.reason
}

// await waits until reached is true and fails the test if the connection ends before.
func (c *Client) await(what string, reached func(*received) bool) {
	c.hub.t.Helper()
	done := false
	c.awaitOf(what, func(r *received) bool {
		done = reached(r)
		return done || r.end != nil
	})
	if !done {
		c.hub.t.Fatalf("waited for %s, got the end of the connection: %v", what, c.received.ending())
	}
}

func (c *Client) awaitOf(what string, reached func(*received) bool) {
	c.hub.t.Helper()
	timer := time.NewTimer(c.hub.Patience)
	defer timer.Stop()
	if !c.received.await(timer.C, reached) {
		c.hub.t.Fatalf("waited %v for %s, got nothing", c.hub.Patience, what)
	}
}

// describe writes an event as its envelope.
func describe(e event.Event) string {
	if len(bytes.TrimSpace(e.Payload)) == 0 {
		e.Payload = []byte("null")
	}
	return string(event.Append(nil, e))
}
