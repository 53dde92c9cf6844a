//go:build linux

package storm

import (
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/spokehub/spokehub/bench/server"
)

// pausedClient is one that lives through a pause of the hub: idle, or sending meanwhile, or in the midst of its handshake.
type pausedClient struct {
	conn   *server.Conn
	before func(c *server.Conn, request []byte) error
	during func(c *server.Conn, request []byte) error
	after  func(c *server.Conn) error
}

func subscribe(c *server.Conn) error {
	_, err := c.Write(server.Subscribe("pause"))
	return err
}

// pausedKinds are the kinds of clients, which all want an answer to a subscription at the end.
func pausedKinds() []pausedClient {
	nothing := func(*server.Conn, []byte) error { return nil }
	upgrade := func(c *server.Conn, request []byte) error {
		if _, err := c.Write(request); err != nil {
			return err
		}
		return c.ReadUpgrade()
	}
	half := func(c *server.Conn, request []byte) error {
		_, err := c.Write(request[:len(request)/2])
		return err
	}
	rest := func(c *server.Conn, request []byte) error {
		_, err := c.Write(request[len(request)/2:])
		return err
	}
	return []pausedClient{
		{before: upgrade, during: nothing, after: subscribe},
		{before: upgrade, during: func(c *server.Conn, _ []byte) error { return subscribe(c) }, after: func(*server.Conn) error { return nil }},
		{before: half, during: rest, after: func(c *server.Conn) error {
			if err := c.ReadUpgrade(); err != nil {
				return err
			}
			return subscribe(c)
		}},
	}
}

// TestAPauseOfTheHubEndsNobody stops the hub for longer than any of its timeouts.
func TestAPauseOfTheHubEndsNobody(t *testing.T) {
	const each, pause = 60, 14 * time.Second
	h := startHub(t, "--ping-interval=1s", "--peer-timeout=10s", "--handshake-timeout=10s")
	var clients []pausedClient
	for i := range each {
		for _, c := range pausedKinds() {
			conn, err := h.Dial(i)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Reset()
			conn.SetDeadline(time.Now().Add(patience))
			c.conn = conn
			clients = append(clients, c)
			if err := c.before(conn, h.Request()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := h.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	over := time.NewTimer(pause)
	for _, c := range clients {
		if err := c.during(c.conn, h.Request()); err != nil {
			t.Error(err)
		}
	}
	<-over.C
	if err := h.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for _, c := range clients {
		all.Go(func() {
			if err := c.after(c.conn); err != nil {
				t.Errorf("got a client ended by a pause of %v: %v", pause, err)
				return
			}
			if text, err := c.conn.ReadText(); err != nil || !strings.Contains(string(text), "__ack") {
				t.Errorf("got %q and %v behind a pause of %v, want an answer", text, err, pause)
			}
		})
	}
	all.Wait()
}
