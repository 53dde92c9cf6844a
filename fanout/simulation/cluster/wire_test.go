package cluster

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"time"

	"github.com/spokehub/spokehub/wsframe"
)

var errFrame = errors.New("not a whole frame of a hub")

// readFrame reads a frame of a hub.
func readFrame(in *bufio.Reader) (op wsframe.Opcode, payload []byte, err error) {
	var head [10]byte
	if _, err = io.ReadFull(in, head[:2]); err != nil {
		return 0, nil, err
	}
	if head[0]&0xf0 != 0x80 || head[1]&0x80 != 0 {
		return 0, nil, errFrame
	}
	op = wsframe.Opcode(head[0] & 0x0f)
	size := uint64(head[1])
	switch size {
	case 126:
		_, err = io.ReadFull(in, head[:2])
		size = uint64(binary.BigEndian.Uint16(head[:]))
	case 127:
		err = errFrame
	}
	if err != nil {
		return 0, nil, err
	}
	payload = make([]byte, size)
	_, err = io.ReadFull(in, payload)
	return op, payload, err
}

// send queues a frame, which is masked with zeroes.
func (c *client) send(op wsframe.Opcode, payload []byte) {
	frame := wsframe.AppendHeader(nil, op, len(payload))
	frame[1] |= 0x80
	frame = append(append(frame, 0, 0, 0, 0), payload...)
	o := &c.outgoing
	o.mu.Lock()
	o.queue = append(o.queue, frame)
	o.mu.Unlock()
	o.notify()
}

func (o *outgoing) notify() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

func (o *outgoing) end() {
	o.mu.Lock()
	o.over = true
	o.mu.Unlock()
	o.notify()
}

// write sends what is queued, and closes the connection when the reader has ended.
func (c *client) write() {
	defer c.conn.Close()
	o := &c.outgoing
	for range o.wake {
		o.mu.Lock()
		frames, over := o.queue, o.over
		o.queue = nil
		o.mu.Unlock()
		for _, frame := range frames {
			if _, err := c.conn.Write(frame); err != nil && !over {
				<-o.wake
				return
			}
		}
		if over {
			return
		}
	}
}

// gatedConn is a connection that is read as the gate allows.
type gatedConn struct {
	net.Conn
	gate *gate
}

// Read waits for the gate.
func (c gatedConn) Read(p []byte) (int, error) {
	c.gate.mu.Lock()
	opened, pause := c.gate.opened, c.gate.pause
	c.gate.mu.Unlock()
	if opened != nil {
		<-opened
	}
	if pause > 0 {
		time.Sleep(pause)
	}
	return c.Conn.Read(p)
}

// stall has nothing be read, from the next read on.
func (g *gate) stall() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.opened == nil {
		g.opened = make(chan struct{})
	}
}

// slow has each read take some time.
func (g *gate) slow(pause time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pause = pause
}

// open ends what stall and slow began.
func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pause = 0
	if g.opened != nil {
		close(g.opened)
		g.opened = nil
	}
}

// isShut says whether nothing is read.
func (g *gate) isShut() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.opened != nil
}
