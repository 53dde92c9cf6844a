//go:build linux

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	headTimeout = 10 * time.Second
	// partingTime is how long a client may take to answer a FIN.
	partingTime = 2 * time.Second
	longestHead = 16 << 10
	// kernelBytes is what the kernel may hold of what a hub has sent, at each end.
	kernelBytes = 12 << 10
)

var (
	busyAnswer    = []byte("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	gatewayAnswer = []byte("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	switching     = []byte("HTTP/1.1 101 ")
)

// line is one connection of a client through the proxy. Its goroutines share it: serve reads from the client, others read from the hub
// and pass on.
type line struct {
	number   int
	plan     plan
	proxy    *proxy
	accepted time.Time
	conn     *net.TCPConn
	passage  *passage
	up, down *direction
	far      far
	// done is closed when the line has ended.
	done chan struct{}
}

// far is the side of the hub, and whether the line has ended. Its lock guards it. The passage of the line is set under it, too.
type far struct {
	mu    sync.Mutex
	hub   net.Conn
	ended bool
}

// serve runs the line until it ends.
func (l *line) serve() {
	defer l.conn.Close()
	defer l.end(false, true)
	l.conn.SetReadDeadline(time.Now().Add(headTimeout))
	reader := bufio.NewReader(l.conn)
	head, err := readHead(reader)
	if err != nil {
		return
	}
	client, err := clientOf(head, len(l.proxy.ledger.accounts))
	if err != nil {
		l.broken(err)
		return
	}
	l.conn.SetReadDeadline(time.Time{})
	l.proxy.arrivals.arrived(client, l.accepted)
	if !l.admit(reader) || !l.connect(head, client, reader) {
		return
	}
	err = l.up.read()
	if l.up.gate.isShut() || !errors.Is(err, io.EOF) {
		l.end(true, true)
	}
	<-l.done
	io.Copy(io.Discard, reader)
}

// admit plays the faults of the connect. It returns false if the line ends there.
func (l *line) admit(reader io.Reader) bool {
	if !l.plan.fault.kind().atOnce || !l.proxy.isActive() {
		return true
	}
	l.proxy.ledger.befell(l.plan.fault)
	switch l.plan.fault {
	case refuseReset:
		l.conn.SetLinger(0)
		return false
	case refuseBusy:
		return l.refuse(busyAnswer, reader)
	case halfOpen:
		io.Copy(io.Discard, reader)
		return false
	case held:
		l.proxy.awaitLater(l)
	}
	return true
}

// refuse answers the handshake and reads on until the client has closed its side, so that it gets the answer. It returns false.
func (l *line) refuse(answer []byte, reader io.Reader) bool {
	l.conn.Write(answer)
	l.conn.CloseWrite()
	l.conn.SetReadDeadline(time.Now().Add(partingTime))
	io.Copy(io.Discard, reader)
	return false
}

// connect passes the handshake to the hub, and its answer back. It returns false if that is a refusal.
func (l *line) connect(head []byte, client int, reader io.Reader) bool {
	hub, err := net.Dial("tcp", l.proxy.hubAddress())
	if err != nil {
		return l.refuse(gatewayAnswer, reader)
	}
	hub.(*net.TCPConn).SetReadBuffer(kernelBytes)
	if !l.adopt(func() { l.far.hub = hub }) {
		hub.Close()
		return false
	}
	if _, err := hub.Write(head); err != nil {
		return false
	}
	hub.SetReadDeadline(time.Now().Add(headTimeout))
	answers := bufio.NewReader(hub)
	answer, err := readHead(answers)
	if err != nil {
		return false
	}
	if !bytes.HasPrefix(answer, switching) {
		body, _ := io.ReadAll(answers)
		return l.refuse(append(answer, body...), reader)
	}
	hub.SetReadDeadline(time.Time{})
	if !l.adopt(func() { l.passage = l.proxy.ledger.opened(client, l.number, l.plan.fault) }) {
		return false
	}
	l.up = newDirection(l, reader, hub, waitingMost, l.witnessUp)
	l.down = newDirection(l, answers, l.conn, waitingDown, l.witnessDown)
	if _, err := l.conn.Write(answer); err != nil {
		return false
	}
	l.proxy.served(l)
	go l.up.pass()
	go l.down.pass()
	go l.down.read()
	return true
}

// adopt sets what end looks at, unless the line has ended.
func (l *line) adopt(set func()) bool {
	l.far.mu.Lock()
	defer l.far.mu.Unlock()
	if !l.far.ended {
		set()
	}
	return !l.far.ended
}

// delay is what everything is passed on later; also in a calm, so that nothing overtakes.
func (l *line) delay() time.Duration {
	if l.plan.fault == delayed {
		return l.plan.delay
	}
	return 0
}

// afflict begins the fault that waited. Only the goroutine that passes frames down ends a line with FIN, or a frame might come too late.
func (l *line) afflict() {
	l.proxy.ledger.afflict(l.passage)
	l.proxy.ledger.befell(l.plan.fault)
	switch l.plan.fault {
	case cutReset:
		l.end(false, false)
	case cutFin:
		l.down.orders <- order{frame: []byte{}}
	case cutMidFrame:
		l.down.orders <- order{inside: true}
	case stallBoth:
		l.up.gate.shut(l.plan.lasts)
		l.down.gate.shut(l.plan.lasts)
	case stallDown:
		l.down.gate.shut(l.plan.lasts)
	case stallUp:
		l.up.gate.shut(l.plan.lasts)
	case vanish:
		l.up.gate.shut(0)
		l.down.gate.shut(0)
		l.far.hub.Close()
	case closeRestart:
		l.down.orders <- order{frame: l.closeFrame(1012)}
	case closeSlow:
		l.down.orders <- order{frame: l.closeFrame(1013)}
	}
}

func (l *line) closeFrame(code uint16) []byte {
	return closeFrame(code, fmt.Sprintf(`{"retry_after_ms":%d}`, l.plan.hint.Milliseconds()))
}

// end ends the line, with FIN to the client or with RST; after a FIN, serve reads on until the client has closed its side, so that the FIN
// doesn't become an RST. By the client tells who wanted it. Only the first call counts.
func (l *line) end(orderly, byClient bool) {
	l.far.mu.Lock()
	defer l.far.mu.Unlock()
	if l.far.ended {
		return
	}
	l.far.ended = true
	if l.passage != nil {
		l.proxy.ledger.ended(l.passage, orderly, byClient)
	}
	l.proxy.gone(l)
	close(l.done)
	if l.far.hub != nil {
		l.far.hub.Close()
	}
	if orderly {
		l.conn.SetReadDeadline(time.Now().Add(partingTime))
		l.conn.CloseWrite()
		return
	}
	l.conn.SetLinger(0)
	l.conn.Close()
}

// broken ends a line on which something passed that nobody may send.
func (l *line) broken(err error) {
	l.proxy.ledger.problem(nobody, "line %d: %v", l.number, err)
	l.end(false, false)
}

// readHead reads up to the empty line.
func readHead(reader *bufio.Reader) (head []byte, err error) {
	for len(head) < longestHead {
		text, err := reader.ReadSlice('\n')
		head = append(head, text...)
		if err != nil || len(text) <= 2 {
			return head, err
		}
	}
	return nil, fmt.Errorf("a head of more than %d bytes", longestHead)
}

// clientOf reads which of the clients asks, from the query of the request.
func clientOf(head []byte, clients int) (int, error) {
	_, rest, _ := strings.Cut(string(head), " ")
	target, _, _ := strings.Cut(rest, " ")
	parsed, err := url.ParseRequestURI(target)
	if err != nil {
		return 0, fmt.Errorf("read the target of a request: %w", err)
	}
	client, err := strconv.Atoi(parsed.Query().Get("client"))
	if err != nil || client < 0 || client >= clients {
		return 0, fmt.Errorf("the target %s has no client from 0 to %d", target, clients-1)
	}
	return client, nil
}
