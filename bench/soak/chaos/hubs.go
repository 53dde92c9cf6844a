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

// hubFlags make a hub that bears the silence of a client a bit longer than clients bear that of a hub.
func hubFlags(patience time.Duration) []string {
	return []string{
		fmt.Sprintf("--ping-interval=%v", patience/2), fmt.Sprintf("--peer-timeout=%v", 2*patience),
		"--close-timeout=2s", "--drain-period=1s", "--drain-timeout=20s",
	}
}

// hubs is the hub that runs, and after it the next. The lock guards which it is.
type hubs struct {
	mu     sync.Mutex
	binary string
	flags  []string
	now    *server.Server
}

// startHubs runs the first.
func startHubs(binary string, patience time.Duration) (*hubs, error) {
	flags := hubFlags(patience)
	first, err := server.StartHub(binary, flags...)
	if err != nil {
		return nil, err
	}
	return &hubs{binary: binary, flags: flags, now: first}, nil
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
	if how == killHub {
		old.Kill()
	} else if err := drain(old, patience); err != nil {
		return err
	}
	next, err := server.StartHub(h.binary, h.flags...)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = next
	return nil
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
