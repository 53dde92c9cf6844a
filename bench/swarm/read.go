//go:build linux

package swarm

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"golang.org/x/sys/unix"
)

const (
	closeWithoutFrame = 1006
	tooLarge          = "a frame is larger than the read buffer"
)

// spokeEvent handles an epoll event of a connection.
func (p *process) spokeEvent(slot int32, events uint32) {
	if int(slot) >= len(p.spokes) {
		return
	}
	s := &p.spokes[slot]
	if s.state == stateClosed || s.state == stateStalled {
		return
	}
	if s.state == stateConnecting {
		if events&(unix.EPOLLERR|unix.EPOLLHUP) != 0 {
			p.lose(s, "the connection was refused or reset")
			return
		}
		if events&unix.EPOLLOUT == 0 {
			return
		}
		p.begin(s)
	}
	if events&unix.EPOLLOUT != 0 && s.state != stateClosed {
		s.writable()
	}
	if events&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		p.read(s, events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0)
	}
}

// begin sends the first bytes of a connection.
func (p *process) begin(s *spoke) {
	if s.secure != nil {
		s.state = stateSecuring
		p.shake(s)
		return
	}
	s.state = stateUpgrading
	p.send(s, p.connector.nextRequest())
}

// read reads everything that the socket has; ending means that the peer has closed, so a short read isn't the last.
func (p *process) read(s *spoke, ending bool) {
	if s.secure != nil {
		p.readSecure(s, ending)
		return
	}
	for s.state != stateClosed {
		partial := copy(p.buffers.plain, s.partial)
		if partial == len(p.buffers.plain) {
			p.lose(s, tooLarge)
			return
		}
		n := p.readSocket(s, p.buffers.plain[partial:])
		if n == 0 {
			return
		}
		s.partial = s.partial[:0]
		p.receive(s, p.buffers.plain[:partial+n])
		if partial+n < len(p.buffers.plain) && !ending {
			return
		}
	}
}

// readSocket reads once. It returns 0 when nothing has come, or when the connection has ended.
func (p *process) readSocket(s *spoke, into []byte) int {
	for {
		n, errno := readRaw(int(s.fd), into)
		switch {
		case errno == unix.EAGAIN:
			return 0
		case errno == unix.EINTR:
			continue
		case n <= 0:
			p.ended(s, errno)
			return 0
		}
		p.clock.read()
		return n
	}
}

// receive handles the whole frames in view and stores the rest in partial.
func (p *process) receive(s *spoke, view []byte) {
	if s.state == stateUpgrading {
		head, err := upgraded(view)
		if err != nil {
			p.lose(s, err.Error())
			return
		}
		if head > 0 {
			p.connected(s)
		}
		view = view[head:]
	}
	if s.state != stateUpgrading {
		view = p.frames(s, p.groups[s.group], view)
	}
	if len(view) > 0 && s.state != stateClosed {
		s.partial = append(s.partial, view...)
	}
}

func (p *process) frames(s *spoke, g *group, view []byte) []byte {
	for {
		f, ok, err := parseFrame(view)
		if err != nil {
			g.Faults.Malformed++
			p.lose(s, err.Error())
			return nil
		}
		whole := f.head + f.size
		if !ok || len(view) < whole {
			return view
		}
		p.frame(s, g, f, view[f.head:whole])
		view = view[whole:]
		if s.state == stateClosed {
			return nil
		}
	}
}

func (p *process) frame(s *spoke, g *group, f frame, payload []byte) {
	switch {
	case f.op == opClose:
		p.closed(s, g, payload)
	case f.op == opPing:
		p.send(s, appendFrame(nil, opPong, payload))
	case f.op == opPong:
		p.tally.answered.Add(1)
		if s.slow != nil {
			g.answered(s.slow, p.clock.last)
		}
	case f.op == opContinuation || !f.fin:
		g.Faults.Malformed++
		p.lose(s, "the server split a message, which this client doesn't join")
	default:
		p.message(s, g, payload)
	}
}

// closed handles a close frame: the answer, and the end.
func (p *process) closed(s *spoke, g *group, payload []byte) {
	code := uint16(1005)
	if len(payload) >= 2 {
		code = binary.BigEndian.Uint16(payload)
	}
	g.Closes[code]++
	if ms, hinted := retryHint(payload); hinted {
		g.Retries = append(g.Retries, ms)
	}
	if s.listening() && s.slow == nil {
		g.closed(fmt.Sprintf("the server closed a healthy connection with %d", code))
	}
	p.send(s, appendFrame(nil, opClose, payload))
	p.drop(s)
}

// retryHint reads from the reason of a close frame after how many milliseconds to reconnect.
func retryHint(payload []byte) (ms int, hinted bool) {
	if len(payload) <= 2 {
		return 0, false
	}
	var reason struct {
		After *int `json:"retry_after_ms"`
	}
	if json.Unmarshal(payload[2:], &reason) != nil || reason.After == nil {
		return 0, false
	}
	return *reason.After, true
}

// ended handles the end of a connection without a close frame.
func (p *process) ended(s *spoke, errno unix.Errno) {
	g := p.groups[s.group]
	g.Closes[closeWithoutFrame]++
	if s.state < stateReady {
		p.lose(s, fmt.Sprintf("the server hung up during the handshake (%v)", errno))
		return
	}
	if s.listening() && s.slow == nil {
		g.closed(fmt.Sprintf("a healthy connection ended without a close frame (%v)", errno))
	}
	p.drop(s)
}

// lose ends a connection that can't go on, and counts it with the reason.
func (p *process) lose(s *spoke, why string) {
	p.groups[s.group].closed(why)
	p.drop(s)
}

func (p *process) drop(s *spoke) {
	if p.connector != nil && s.state < stateReady {
		p.connector.opening--
		p.connector.failed++
	}
	if s.state == stateReady || s.state == stateStalled {
		p.tally.ready.Add(^uint64(0))
	}
	s.state = stateClosed
	s.partial = nil
	if s.writer != nil {
		s.writer.dead = true
	}
	if s.secure != nil {
		s.secure.close()
	}
	unix.Close(int(s.fd))
}

// send writes a few bytes past the writer's queue: only for the handshake and for answers, where a socket has room.
func (p *process) send(s *spoke, view []byte) {
	if s.writer != nil {
		s.writer.buffer = append(s.writer.buffer, view...)
		s.writer.flush()
		return
	}
	switch {
	case s.secure != nil:
		s.secure.seal(view)
	case len(view) > 0:
		writeRaw(int(s.fd), view)
	}
}
