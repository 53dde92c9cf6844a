//go:build linux

package load

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/gobwas/ws"

	"github.com/spokehub/spokehub/bench/server"
	"github.com/spokehub/spokehub/bench/swarm"
)

const mebibyte = 1 << 20

// large sends one long message after another from one connection: to a hub, as an event without subscribers followed by a ping, or to an
// echo server, which sends it back. The next one is sent once the answer is there; the time of a message ends then.
type large struct {
	echo bool
	op   ws.OpCode
	// bytes is the length of a message, fragment that of its frames; 0 means one frame.
	bytes, fragment int
}

func (l large) workload(label string) Workload {
	w := workload(label, 0, l.measure, "bytes=%d", l.bytes)
	w.mode = ModeLarge
	if l.echo {
		w.mode = ModeEcho
		w.Parameters += fmt.Sprintf("/op=%d/fragment=%d", l.op, l.fragment)
	}
	return w
}

func (l large) measure(s *setup) {
	c := must(s.server.Dial(1))
	defer c.Close()
	must(c.Write(s.place().Handshake(1)))
	check(c.ReadUpgrade())
	payload := swarm.AppendEvent(nil, 0, 0, l.bytes)
	wire, answer := l.frames(payload), make([]byte, 0, l.bytes)
	latency := swarm.NewLatency()
	sent := 0
	repeat := func(d time.Duration) {
		for end := time.Now().Add(d); time.Now().Before(end); sent++ {
			began := time.Now()
			check(c.SetDeadline(began.Add(stuckTimeout)))
			must(c.Write(wire))
			check(l.readAnswer(c, payload, answer))
			latency.Record(int64(time.Since(began)))
			s.progress.report("%d messages sent", sent)
		}
	}
	check(swarm.OnCores(s.layout.clients, func() error {
		repeat(s.settings.warmup())
		latency.Reset()
		warm := sent
		m := s.during(func() { repeat(s.settings.duration()) })
		s.result.Add(MetricMessages, float64(sent-warm)/m.took.Seconds())
		s.result.addCPU(m, uint64(sent-warm)*uint64(l.bytes)/mebibyte)
		s.result.addLatency("", latency)
		return nil
	}))
	s.finish()
	if !l.echo {
		s.checkEventsIn(uint64(sent))
	}
}

// frames is a message on the wire, with what asks for an answer.
func (l large) frames(payload []byte) (wire []byte) {
	size := l.fragment
	if size == 0 {
		size = len(payload)
	}
	for at := 0; at < len(payload); at += size {
		op := l.op
		if at > 0 {
			op = ws.OpContinuation
		}
		end := min(at+size, len(payload))
		wire = append(wire, server.Frame(ws.NewFrame(op, end == len(payload), bytes.Clone(payload[at:end])))...)
	}
	if !l.echo {
		wire = append(wire, server.Frame(ws.NewPingFrame(nil))...)
	}
	return wire
}

// readAnswer wants the message back from an echo server, in however many frames, and a pong from a hub.
func (l large) readAnswer(c *server.Conn, payload, buffer []byte) error {
	for {
		header, err := c.ReadFrame(&buffer)
		switch {
		case err != nil:
			return err
		case !l.echo && header.OpCode == ws.OpPong:
			return nil
		case header.OpCode.IsControl():
			return fmt.Errorf("got a frame with opcode %d and %q, want an answer", header.OpCode, buffer)
		case header.Fin && !bytes.Equal(buffer, payload):
			return errors.New("the echo is not what was sent")
		case header.Fin:
			return nil
		}
	}
}
