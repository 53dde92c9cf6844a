package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestReloadUnderLoadLosesNobodyAndNothing swaps the certificate again and again beside clients that get events and others that come.
func TestReloadUnderLoadLosesNobodyAndNothing(t *testing.T) {
	t.Parallel()
	const clients, swaps = 200, 5
	hub := startSecureHub(t)
	spokes := make([]*client, clients)
	for i := range spokes {
		c, err := connectTLS(t, hub.websocket, hub.authority.trusting("hub.example"), nil)
		if err != nil {
			t.Fatal(err)
		}
		c.subscribe(t, "tick")
		spokes[i] = c
	}
	var swapped atomic.Bool
	published := make(chan int, 1)
	go func() {
		n := 0
		for ; !swapped.Load() || n == 0; n++ {
			if status, body := post(t, hub.admin+"publish", "", fmt.Sprintf(`{"type":"tick","payload":%d}`, n)); status != http.StatusOK {
				t.Errorf("got %d %s for event %d, want 200", status, body, n)
			}
		}
		post(t, hub.admin+"publish", "", `{"type":"tick","payload":"end"}`)
		published <- n
	}()
	got := make([]int, clients)
	var reading sync.WaitGroup
	for i, c := range spokes {
		reading.Go(func() { got[i] = c.countTicks(t) })
	}
	for range swaps {
		next := hub.authority.issue(t, []string{"hub.example"}, nil)
		replaceFile(t, hub.key, next.key)
		replaceFile(t, hub.certificate, next.certificate)
		hub.signal(t, syscall.SIGHUP)
		hub.awaitCertificate(t, next)
		if c, err := connectTLS(t, hub.websocket, hub.authority.trusting("hub.example"), nil); err != nil {
			t.Errorf("got %v for a new client, want a connection", err)
		} else {
			c.subscribe(t, "other")
			c.conn.CloseNow()
		}
	}
	swapped.Store(true)
	reading.Wait()
	want := <-published
	for i, n := range got {
		if n != want {
			t.Errorf("client %d: got %d events in order, want %d", i, n, want)
		}
	}
	if text := hub.output.String(); strings.Contains(text, `"level":"ERROR"`) {
		t.Errorf("got errors in the log, want none:\n%s", text)
	}
}

// countTicks reads numbered events up to the end and returns how many came in order. It has patience for each, however long all take.
func (c *client) countTicks(t *testing.T) int {
	for n := 0; ; n++ {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		_, message, err := c.conn.Read(ctx)
		cancel()
		if err != nil {
			t.Errorf("receive event %d: %v", n, err)
			return n
		}
		if strings.Contains(string(message), `"end"`) {
			return n
		}
		if want := fmt.Sprintf(`{"type":"tick","id":"","payload":%d}`, n); string(message) != want {
			t.Errorf("got %s, want %s", message, want)
			return n
		}
	}
}

// awaitCertificate waits until new clients get that one.
func (h *secureHub) awaitCertificate(t *testing.T, want issued) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		state, err := dial(t, h.address, h.authority.trusting("hub.example"))
		if err != nil {
			t.Fatalf("got %v, want a handshake", err)
		}
		if slices.Equal(state.PeerCertificates[0].Raw, want.der) {
			return
		}
	}
	t.Fatal("got the old certificate, want the new one")
}
