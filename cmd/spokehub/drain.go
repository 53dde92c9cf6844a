package main

import (
	"context"
	"errors"
	"os"
	"time"
)

var errCutShort = errors.New("a second signal cut the drain short")

// drain ends the service as a signal asked: it says so on /readyz, goes on serving
// for the grace, and shuts the hub down, which flushes every queue and closes
// every client with 1012. Clients that are left when the timeout has passed
// are cut, which is no failure. A second signal is one, unless it comes with
// the first: some senders signal a process and then its group.
func (s *service) drain(received os.Signal, signals <-chan os.Signal) error {
	began := time.Now()
	s.draining.Store(true)
	s.logger.Info("draining", "signal", received.String(), "connections", s.hub.Stats().Connections,
		"grace", s.flags.DrainGrace, "period", s.flags.DrainPeriod, "timeout", s.flags.DrainTimeout)
	ctx, cancel := context.WithTimeout(context.Background(), s.flags.DrainTimeout)
	defer cancel()

	hasty := make(chan struct{})
	go func() {
		for range signals {
			if time.Since(began) >= sameSignal {
				close(hasty)
				return
			}
		}
	}()
	select {
	case <-time.After(s.flags.DrainGrace):
	case <-hasty:
		return errCutShort
	}
	ended := make(chan error, 1)
	go func() { ended <- s.hub.Shutdown(ctx) }()
	select {
	case err := <-ended:
		s.logDrained(err, time.Since(began))
		return nil
	case <-hasty:
		return errCutShort
	}
}

// sameSignal is how close on the first another signal is the same.
const sameSignal = 100 * time.Millisecond

func (s *service) logDrained(err error, took time.Duration) {
	stats := s.hub.Stats()
	attributes := []any{"took", took, "delivered", stats.Delivered, "dropped_closed", stats.DroppedClosed}
	if err != nil {
		s.logger.Warn("drained, and cut what was left at the timeout", append(attributes, "error", err)...)
		return
	}
	s.logger.Info("drained", attributes...)
}
