//go:build linux

package main

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/spokehub/spokehub/bench/server"
)

// queueLimit is what waits at most for a client at the hub.
const queueLimit = 32 << 10

// hubFlags make a hub that keeps streams, finds clients behind whose line is stalled, and bears the silence of a client a bit longer than clients
// bear that of a hub.
func hubFlags(policies string, patience time.Duration) []string {
	return []string{
		"--config=" + policies, fmt.Sprintf("--queue-limit=%d", queueLimit), fmt.Sprintf("--max-event=%d", queueLimit/2), fmt.Sprintf("--send-buffer=%d", kernelBytes),
		fmt.Sprintf("--ping-interval=%v", patience/2), fmt.Sprintf("--peer-timeout=%v", 2*patience),
		"--close-timeout=2s", "--drain-period=1s", "--drain-timeout=20s",
	}
}

// hubs is the hub that runs, and after it the next. The lock guards which it is.
type hubs struct {
	mu     sync.Mutex
	binary string
	flags  []string
	ledger *ledger
	now    *server.Server
	// observer is that of the hub that runs.
	observer *observer
}

// startHubs runs the first.
func startHubs(binary, policies string, patience time.Duration, l *ledger) (*hubs, error) {
	h := &hubs{binary: binary, flags: hubFlags(policies, patience), ledger: l}
	if err := h.begin(); err != nil {
		return nil, err
	}
	return h, nil
}

// begin runs a hub and observes its streams before anybody can publish to it.
func (h *hubs) begin() error {
	hub, err := server.StartHub(h.binary, h.flags...)
	if err != nil {
		return err
	}
	observer, err := observe(hub, h.ledger)
	if err != nil {
		hub.Kill()
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now, h.observer = hub, observer
	return nil
}

// count adds up how often clients fell behind at the hub that runs.
func (h *hubs) count() {
	if m, err := h.current().Metrics(); err == nil {
		h.ledger.lagged(int(m[server.Lags]))
	}
}

// stop ends the hub that runs.
func (h *hubs) stop() error {
	h.observer.close()
	return h.current().Stop()
}

// current is the hub to connect and to publish to. It may be dead.
func (h *hubs) current() *server.Server {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

// replace ends the hub as the upheaval says, and starts another. It blocks until that listens.
func (h *hubs) replace(how upheaval, patience time.Duration) error {
	old := h.current()
	h.count()
	h.observer.expectEnd()
	if how == killHub {
		old.Kill()
	} else if err := drain(old, patience); err != nil {
		return err
	}
	<-h.observer.done
	return h.begin()
}

// drain ends a hub by SIGTERM, which it has to obey.
func drain(hub *server.Server, patience time.Duration) error {
	defer hub.Kill()
	if err := hub.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	code, err := hub.Wait(ctx)
	if err != nil {
		return err
	}
	if code != 0 {
		return fmt.Errorf("the drained hub ended with %d: %q", code, hub.LastLines())
	}
	return nil
}
