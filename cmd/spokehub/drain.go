package main

import (
	"context"
	"errors"
	"os"
	"time"
)

// errCutShort makes the process exit with 1.
var errCutShort = errors.New("a second signal cut the drain short")

// drain ends the service after a signal. It reports the drain on /readyz, keeps
// serving for the grace period and shuts the hub down, which flushes every queue
// and closes every client with 1012. Cutting the clients that are left at the
// timeout is not a failure. A second signal is one, unless it arrives with the
// first: some senders signal a process and then its group.
func (s *service) drain(received os.Signal, signals <-chan os.Signal) error {
	began := time.Now()
	s.course.draining.Store(true)
	s.logger.Info("draining", "signal", received.String(), "connections", s.hub.Stats().Connections,
		"grace", s.flags.DrainGrace, "period", s.flags.DrainPeriod, "timeout", s.flags.DrainTimeout)
	over := make(chan struct{})
	defer close(over)
	go s.course.manager.drain(s.hub.Stats, over)
	ctx, cancel := context.WithTimeout(context.Background(), s.flags.DrainTimeout)
	defer cancel()

	secondSignal := make(chan struct{})
	go func() {
		awaitSecond(signals)
		close(secondSignal)
	}()
	select {
	case <-time.After(s.flags.DrainGrace):
	case <-secondSignal:
		return errCutShort
	}
	ended := make(chan error, 1)
	go func() { ended <- s.hub.Shutdown(ctx) }()
	select {
	case err := <-ended:
		s.logDrained(err, time.Since(began))
		return nil
	case <-secondSignal:
		return errCutShort
	}
}

// awaitSecond returns when a signal comes behind the window. What has come by the time at which the window is seen to be over counts as the
// first signal, for a process that gets no processor sees signals of one moment late.
func awaitSecond(signals <-chan os.Signal) {
	for window := time.After(signalWindow); window != nil; {
		select {
		case <-signals:
		case <-window:
			window = nil
		}
	}
	for len(signals) > 0 {
		<-signals
	}
	<-signals
}

// signalWindow is the time after the first signal in which another one counts as the same.
const signalWindow = 100 * time.Millisecond

func (s *service) logDrained(err error, took time.Duration) {
	stats := s.hub.Stats()
	attributes := []any{"took", took, "delivered", stats.Delivered, "dropped_closed", stats.DroppedClosed}
	if err != nil {
		s.logger.Warn("drained; clients left at the timeout were cut", append(attributes, "error", err)...)
		return
	}
	s.logger.Info("drained", attributes...)
}
