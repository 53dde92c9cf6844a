package netpoll

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"
)

// versions are those of TLS that the tests speak.
var versions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// onEveryEngineSecuring runs a test on each engine with a connection that is to begin TLS, once it is opened by secure.
func onEveryEngineSecuring(t *testing.T, f func(t *testing.T, b *bench)) {
	onEveryEngine(t, func(w wire) bool { return w.name == "tcp" || w.name == "pipe" }, f)
}

// secure opens the connection and begins TLS on it, and runs what else is to come in the same task.
func (b *bench) secure(t *testing.T, config *tls.Config, also ...func()) {
	t.Helper()
	on(t, b.r, func() {
		b.slot = takeOver(t, b.r, b.ours, b.engine)
		b.r.Secure(b.slot, config, netip.AddrPort{}, nil)
		for _, f := range also {
			f()
		}
	})
}

// client is the peer as a client of TLS, over what wrap makes of the connection.
func (b *bench) client(version uint16, wrap func(net.Conn) net.Conn) *tls.Conn {
	raw := b.peer
	if wrap != nil {
		raw = wrap(raw)
	}
	return tls.Client(raw, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version})
}

// shake has the peer become a client that has shaken hands.
func (b *bench) shake(t *testing.T, version uint16) {
	t.Helper()
	c := b.client(version, nil)
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	b.peer = c
	b.handler.await(t, "secured <nil>")
}

// closeOnHangup has the handler close what has ended.
func (b *bench) closeOnHangup() {
	b.handler.onHangup = func(n uint32, _ error) { b.r.Close(n, DropClosed) }
}

// byteByByte writes a byte at a time.
type byteByByte struct{ net.Conn }

func (c byteByByte) Write(p []byte) (int, error) {
	for i := range p {
		if _, err := c.Conn.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

// manyRecords cuts the first record that it writes into records of a few bytes.
type manyRecords struct {
	net.Conn
	done bool
}

func (c *manyRecords) Write(p []byte) (int, error) {
	if c.done {
		return c.Conn.Write(p)
	}
	c.done = true
	if _, err := c.Conn.Write(inRecordsOf(p, 50)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// inRecordsOf cuts a record into records of size bytes at most.
func inRecordsOf(record []byte, size int) (out []byte) {
	for body := record[recordHeader:]; len(body) > 0; {
		n := min(len(body), size)
		out = append(append(out, record[0], record[1], record[2], byte(n>>8), byte(n)), body[:n]...)
		body = body[n:]
	}
	return out
}

// corked keeps what it is to write until it is read, so that it goes out in one piece.
type corked struct {
	net.Conn
	out bytes.Buffer
}

func (c *corked) Write(p []byte) (int, error) { return c.out.Write(p) }

func (c *corked) Read(p []byte) (int, error) {
	c.flush()
	return c.Conn.Read(p)
}

func (c *corked) flush() { _, _ = c.out.WriteTo(c.Conn) }

// strictEnd is a client's connection whose end is an error: that of TLS must have come before, which crypto/tls does not insist on.
type strictEnd struct{ net.Conn }

var errWordless = errors.New("the end without a close_notify")

func (c strictEnd) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if errors.Is(err, io.EOF) {
		err = errWordless
	}
	return n, err
}

// goroutinesIn counts the goroutines that are in a function.
func goroutinesIn(function string) int {
	stacks := make([]byte, 4<<20)
	return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), function)
}

// shakers counts the goroutines of handshakes.
func shakers() int { return goroutinesIn("(*tlsSession).shake(") }

// awaitNoShakers waits until no goroutine of a handshake is left.
func awaitNoShakers(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(waitLimit); shakers() > 0; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("got %d goroutines of handshakes, want none", shakers())
		}
	}
	if got := shaking.taken(); got != 0 {
		t.Errorf("got %d handshakes that compute, want none", got)
	}
}
