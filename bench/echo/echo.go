package main

import (
	"fmt"
	"net"
	"os"
	"time"

	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/wsframe"
)

const closeTimeout = 5 * time.Second

// echo is a reactor's Handler that sends every message back. All of it belongs to the reactor's goroutine.
//
// I1: clients holds the state of every connection that is open.
type echo struct {
	reactor *netpoll.Reactor
	policy  *wsframe.Policy
	engine  netpoll.Engine
	// maxMessage is the longest message in bytes.
	maxMessage int
	clients    map[uint32]*client
}

type client struct {
	parser wsframe.Parser
	head   []byte
	// open is true after the handshake, closing once the last bytes are queued.
	open, closing bool
}

func newEcho(o options) (*echo, error) {
	policy, err := wsframe.NewPolicy(wsframe.PolicyConfig{Origins: []string{"*"}})
	if err != nil {
		return nil, err
	}
	e := &echo{policy: policy, engine: o.Engine, maxMessage: o.MaxMessage, clients: make(map[uint32]*client)}
	e.reactor, err = netpoll.New(netpoll.Config{Handler: e, Engine: o.Engine, QueueLimit: 4*o.MaxMessage + 1<<20})
	return e, err
}

func (e *echo) listen(l net.Listener) error {
	if !e.engine.HasDescriptors() {
		go e.acceptLinks(l)
		return nil
	}
	fd, _, err := netpoll.AdoptListener(l)
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	e.reactor.Post(netpoll.TaskFunc(func(r *netpoll.Reactor) {
		_, err := r.Listen(fd)
		done <- err
	}))
	return <-done
}

func (e *echo) acceptLinks(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		open := netpoll.TaskFunc(func(*netpoll.Reactor) { e.Accepted(0, netpoll.Accepted{FD: -1, Conn: conn}) })
		if !e.reactor.Post(open) {
			conn.Close()
			return
		}
	}
}

// Accepted opens a connection.
func (e *echo) Accepted(_ uint32, a netpoll.Accepted) {
	if a.Conn != nil {
		e.clients[e.reactor.OpenLink(a.Conn)] = new(client)
		return
	}
	netpoll.Tune(a.FD, netpoll.Sockets{})
	slot, err := e.reactor.Open(a.FD)
	if err != nil {
		a.Close()
		return
	}
	e.clients[slot] = new(client)
}

// Input answers a handshake or echoes messages.
func (e *echo) Input(slot uint32, view []byte) {
	c := e.clients[slot]
	if c.closing {
		return
	}
	if !c.open {
		view = e.handshake(slot, c, view)
	}
	for c.open && !c.closing {
		m, n, ok, violation := c.parser.Next(view, e.maxMessage)
		if violation != nil {
			e.sendLast(slot, c, wsframe.AppendClose(nil, violation.Code, violation.Reason))
			return
		}
		if !ok {
			return
		}
		view = view[n:]
		switch m.Op {
		case wsframe.Text, wsframe.Binary:
			e.send(slot, wsframe.AppendFrame(nil, m.Op, m.Payload))
		case wsframe.Ping:
			e.send(slot, wsframe.AppendFrame(nil, wsframe.Pong, m.Payload))
		case wsframe.CloseOp:
			peer, _ := wsframe.ParseClose(m.Payload)
			e.sendLast(slot, c, wsframe.AppendClose(nil, peer.Code, ""))
		}
	}
}

func (e *echo) handshake(slot uint32, c *client, view []byte) (rest []byte) {
	scanned := len(c.head)
	c.head = append(c.head, view...)
	start, end, refusal := e.policy.FindHead(c.head, scanned)
	if end == 0 && refusal == nil {
		return nil
	}
	var response []byte
	if refusal == nil {
		var request wsframe.Request
		if request, refusal = wsframe.ParseRequest(c.head[start:end]); refusal == nil {
			response, _, refusal = e.policy.Upgrade(&request, nil)
		}
	}
	if refusal != nil {
		e.sendLast(slot, c, refusal.AppendResponse(nil, time.Now()))
		return nil
	}
	rest = c.head[end:]
	c.head = nil
	c.open = true
	e.send(slot, response)
	return rest
}

func (e *echo) send(slot uint32, frame []byte) {
	f := netpoll.NewFrame(frame, false)
	e.reactor.Sender().Send(slot, f)
	f.Release()
}

// sendLast sends the last bytes of a connection.
func (e *echo) sendLast(slot uint32, c *client, last []byte) {
	c.closing = true
	f := netpoll.NewFrame(last, false)
	e.reactor.Sender().SendLast(slot, f)
	f.Release()
	e.reactor.Sender().NotifyDrained(slot)
	e.reactor.SetDeadline(slot, closeTimeout)
}

// Drained shuts the write side once the last bytes are sent.
func (e *echo) Drained(slot uint32) { e.reactor.ShutdownWrite(slot) }

// Hangup closes a connection that the peer has closed.
func (e *echo) Hangup(slot uint32, _ error) { e.end(slot) }

// Filling waits for the client, as long as there is room.
func (e *echo) Filling(uint32) {}

// Overflow closes a client that does not read its echoes.
func (e *echo) Overflow(slot uint32, _, _ int) { e.end(slot) }

// Securing never comes.
func (e *echo) Securing(uint32) {}

// Secured never comes.
func (e *echo) Secured(uint32, error) {}

// Expired closes a client that doesn't close in time.
func (e *echo) Expired(slot uint32) { e.end(slot) }

func (e *echo) end(slot uint32) {
	e.clients[slot].parser.Release()
	delete(e.clients, slot)
	e.reactor.Close(slot, netpoll.DropClosed)
}

// AcceptFailed logs that accepting pauses.
func (e *echo) AcceptFailed(_ uint32, err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "echo: accepting pauses:", err)
	}
}

// Turn has nothing to do.
func (e *echo) Turn() {}

// Panicked closes the client on which the server failed.
func (e *echo) Panicked(slot uint32, value any, stack []byte) {
	fmt.Fprintf(os.Stderr, "echo: %v\n%s", value, stack)
	if e.clients[slot] != nil {
		e.end(slot)
	}
}

// Failed logs why the reactor stopped.
func (e *echo) Failed(err error) { fmt.Fprintln(os.Stderr, "echo:", err) }
