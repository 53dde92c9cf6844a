package fanout_test

import (
	"net"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// filler is what sockets are filled with: 1 KiB an event.
var filler = event.Event{Type: "filler", Payload: []byte(`"` + strings.Repeat("f", 1<<10-len(envelope("filler", "", `""`))) + `"`)}

// stall sends to a spoke whose client does not read until a little is queued. That may be for a moment only: the socket need not be
// full, for which there is fill.
func stall(t testing.TB, spoke *fanout.Spoke) (events int) {
	t.Helper()
	for spoke.BufferedAmount() == 0 {
		for range 8 {
			spoke.DispatchEvent(filler)
		}
		events += 8
		if events > 1<<16 {
			t.Fatal("the socket does not fill up")
		}
	}
	return events
}

// fill sends to a spoke whose client does not read until the socket is full: so many bytes are queued and stay so. The client's
// window is so small from then on that it is slow to read much.
func fill(t testing.TB, c *client, spoke *fanout.Spoke, queued int) (events int) {
	t.Helper()
	return fillWithin(t, 4<<10, c, spoke, queued)
}

// fillWithin is fill for a client that reads later: its kernel takes about so many bytes ahead of it. Without a bound that grows
// as it likes. What is queued after a moment's flood may yet fit into the peer's kernel, which tells of room with what the client
// sends.
func fillWithin(t testing.TB, window int, c *client, spoke *fanout.Spoke, queued int) (events int) {
	t.Helper()
	const looks = 20
	if tcp, ok := c.conn.(*net.TCPConn); ok {
		if err := tcp.SetReadBuffer(window); err != nil {
			t.Fatal(err)
		}
	}
	for full := 0; full < looks; full++ {
		if sent := queueUp(t, spoke, queued); sent > 0 {
			events += sent
			full = 0
		}
		c.write(clientFrame(fin|opPong, ""))
		if events > 1<<16 {
			t.Fatal("the socket does not fill up")
		}
	}
	return events
}

// queueUp sends to a spoke until so many bytes are queued, be it for a moment only.
func queueUp(t testing.TB, spoke *fanout.Spoke, queued int) (events int) {
	t.Helper()
	for ; spoke.BufferedAmount() < queued; events++ {
		if events > 1<<16 {
			t.Fatalf("got %d bytes queued after %d events, want %d: the spoke has ended, or its client reads", spoke.BufferedAmount(), events, queued)
		}
		spoke.DispatchEvent(filler)
	}
	return events
}
