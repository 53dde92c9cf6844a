package fanouttest

import (
	"bufio"
	"fmt"
	"net"
	"sync"

	"github.com/spokehub/spokehub/wsframe"
)

// The codes that no close frame carries (RFC 6455 section 7.4.1).
const (
	codeNoCode  = 1005
	codeNoFrame = 1006
)

// wire is a client's end of the connection: one goroutine reads, one writes, so that neither waits for the other.
//
// Owners: conn, gate and received are for any goroutine; mu guards what is to be written.
//
// I1: nothing is queued behind a close frame.
// I2: received learns the end when both goroutines are done with the connection.
type wire struct {
	conn     net.Conn
	gate     *gate
	received *received

	mu    sync.Mutex
	queue [][]byte
	// closing is true once a close frame is queued.
	closing bool
	// queued holds a token while the queue may have something.
	queued chan struct{}

	// quit is closed when the reader has ended.
	quit      chan struct{}
	writeDone chan struct{}
	readDone  chan struct{}
}

func startWire(conn net.Conn, r *received) *wire {
	w := &wire{
		conn:      conn,
		gate:      &gate{conn: conn},
		received:  r,
		queued:    make(chan struct{}, 1),
		quit:      make(chan struct{}),
		writeDone: make(chan struct{}),
		readDone:  make(chan struct{}),
	}
	go w.read()
	go w.write()
	return w
}

// send queues a frame. It returns false behind a close frame.
func (w *wire) send(op wsframe.Opcode, payload []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closing {
		return false
	}
	w.closing = op == wsframe.CloseOp
	w.queue = append(w.queue, maskedFrame(op, payload))
	select {
	case w.queued <- struct{}{}:
	default:
	}
	return true
}

// cut closes the connection, whatever is queued.
func (w *wire) cut() {
	w.conn.Close()
	w.gate.resume()
}

// wait returns when both goroutines have ended.
func (w *wire) wait() { <-w.readDone }

func (w *wire) read() {
	defer close(w.readDone)
	how := w.readFrames(bufio.NewReader(w.gate))
	close(w.quit)
	<-w.writeDone
	w.conn.Close()
	w.mu.Lock()
	w.closing = true
	w.mu.Unlock()
	w.received.ended(how)
}

// readFrames reads up to a close frame, which it answers, or to the end of the connection.
func (w *wire) readFrames(in *bufio.Reader) ending {
	for {
		f, err := readFrame(in)
		if err != nil {
			w.conn.Close()
			return ending{code: codeNoFrame, err: err}
		}
		switch f.op {
		case wsframe.Text, wsframe.Binary:
			err = w.received.message(f.payload)
		case wsframe.Ping:
			w.send(wsframe.Pong, f.payload)
		case wsframe.Pong:
			w.received.pong()
		case wsframe.CloseOp:
			return w.closed(f.payload)
		default:
			err = fmt.Errorf("frame with opcode %d", f.op)
		}
		if err != nil {
			w.conn.Close()
			return ending{code: codeNoFrame, err: err}
		}
	}
}

// closed answers the hub's close frame, if it is not itself an answer.
func (w *wire) closed(payload []byte) ending {
	how := ending{code: codeNoCode}
	if len(payload) > 0 {
		c, _ := wsframe.ParseClose(payload)
		how.code, how.reason = c.Code, c.Reason
		payload = payload[:2]
	}
	w.send(wsframe.CloseOp, payload)
	return how
}

// write writes what is queued. At the end it writes what is left.
func (w *wire) write() {
	defer close(w.writeDone)
	for {
		last := false
		select {
		case <-w.queued:
		case <-w.quit:
			last = true
		}
		w.mu.Lock()
		frames := w.queue
		w.queue = nil
		w.mu.Unlock()
		for _, frame := range frames {
			if _, err := w.conn.Write(frame); err != nil {
				return
			}
		}
		if last {
			return
		}
	}
}
