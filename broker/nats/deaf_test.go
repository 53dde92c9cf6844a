package nats

import (
	"bufio"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/internal/engines"
)

// deafen puts a relay ahead of a server, which answers the client's pings by itself while isDeaf, and passes on nothing else that the server sends.
func deafen(t *testing.T, s *engines.NATSServer, isDeaf *atomic.Bool) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "nats://"))
			if err != nil {
				_ = client.Close()
				continue
			}
			go relayUp(client, server, isDeaf)
			go relayDown(client, server, isDeaf)
		}
	}()
	return "nats://" + listener.Addr().String()
}

// relayUp passes lines to the server, and answers pings itself while it is deaf.
func relayUp(client, server net.Conn, isDeaf *atomic.Bool) {
	defer func() { _ = client.Close(); _ = server.Close() }()
	for lines := bufio.NewReader(client); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		if isDeaf.Load() && string(line) == "PING\r\n" {
			if _, err = client.Write([]byte("PONG\r\n")); err != nil {
				return
			}
			continue
		}
		if _, err = server.Write(line); err != nil {
			return
		}
	}
}

// relayDown passes on what the server sends, unless it is deaf.
func relayDown(client, server net.Conn, isDeaf *atomic.Bool) {
	defer func() { _ = client.Close(); _ = server.Close() }()
	for space := make([]byte, 1<<16); ; {
		n, err := server.Read(space)
		if err != nil {
			return
		}
		if isDeaf.Load() {
			continue
		}
		if _, err = client.Write(space[:n]); err != nil {
			return
		}
	}
}

func TestDeafConnectionIsFoundAndGivenUp(t *testing.T) {
	s := engines.NATS(t, engines.NATSOptions{})
	var isDeaf atomic.Bool
	e, told := open(t, Config{URLs: []string{deafen(t, s, &isDeaf)}})
	told.awaitNotes(t, 0, "up")
	subscribe(t, e, plain("price", ""))
	isDeaf.Store(true)
	told.awaitNotes(t, 1, "down ")
	told.mu.Lock()
	if note := told.notes[1]; !strings.Contains(note, "deaf") {
		t.Errorf("got %q, want it to say that the connection is deaf", note)
	}
	told.mu.Unlock()
	isDeaf.Store(false)
	told.awaitNotes(t, 1, "down ", "up", "lost ")
	if err := e.Publish(t.Context(), []broker.Message{{Key: plain("price", ""), Data: []byte("x")}}); err != nil {
		t.Fatal(err)
	}
	told.awaitDeliveries(t, 1)
}
