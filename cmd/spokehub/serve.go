package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"

	"github.com/spokehub/spokehub/fanout"
)

// service is one running spokehub serve. Only draining changes while it runs.
type service struct {
	flags  serveFlags
	logger *slog.Logger
	hub    *fanout.Hub
	gate   *statsGate
	// identities is there once the flags are read.
	identities *identities
	crowd      crowd
	capacity   uint64
	// asked is --max-connections as given.
	asked int
	// onLoopback says that only this machine can reach the public address.
	onLoopback bool
	draining   atomic.Bool
}

// serve runs the hub until a signal has drained it or something fails. A SIGHUP that the process was started to ignore, as by
// nohup, stays ignored. A log whose reader is stuck or gone causes neither.
func serve(flags serveFlags, unknownVariables []string, stdout io.Writer) error {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	defer signal.Stop(signals)
	signal.Ignore(syscall.SIGPIPE)

	s := &service{flags: flags, asked: flags.MaxConnections, capacity: capacity(flags, fileLimit())}
	s.flags.MaxConnections = int(s.capacity)
	log := newAsyncWriter(stdout, func(n uint64) {
		s.logger.Warn("log lines were dropped because the reader of the log is too slow", "lines", n)
	})
	defer log.close()
	s.logger = newLogger(flags, log)
	if len(unknownVariables) > 0 {
		s.logger.Warn("ignoring environment variables that no flag reads", "names", unknownVariables)
	}
	public, err := listen("--listen", flags.Listen)
	if err != nil {
		return err
	}
	if s.identities, err = newIdentities(&flags.identityFlags, flags.Origins, s.logger); err != nil {
		return usageError{err}
	}
	defer s.identities.close()
	s.onLoopback = isLoopback(public.Addr().String())
	config, err := s.hubConfig()
	if err != nil {
		return usageError{err}
	}
	s.identities.apply(&config)
	hub, err := fanout.New(config)
	if err != nil {
		return flagError(err)
	}
	s.hub, s.gate = hub, newStatsGate(hub.Stats)
	failures := make(chan error, 2)
	admin, err := s.startAdmin(public.Addr(), failures)
	if err != nil {
		return err
	}
	s.logStart(public.Addr(), admin)
	go func() {
		if err := hub.Serve(public); !errors.Is(err, fanout.ErrClosed) {
			failures <- fmt.Errorf("serve %s: %w", public.Addr(), err)
		}
	}()

	setGCPercent()
	stop := make(chan struct{})
	defer close(stop)
	go newScavenger().run(stop)

	select {
	case err := <-failures:
		return err
	case received := <-signals:
		defer admin.Close()
		return s.drain(received, signals)
	}
}

// hubConfig is the fanout.Config that the flags describe.
func (s *service) hubConfig() (fanout.Config, error) {
	engine, err := fanout.ParseEngine(s.flags.Engine)
	if err != nil {
		return fanout.Config{}, fmt.Errorf("--engine: %w", err)
	}
	config := fanout.Config{
		Path:                     s.flags.Path,
		Fallback:                 s.publicHandler(),
		Logger:                   s.logger,
		Relay:                    s.flags.Relay,
		Binary:                   s.flags.Binary,
		MaxMessage:               int(s.flags.MaxMessage),
		MaxEvent:                 int(s.flags.MaxEvent),
		MaxConnections:           s.flags.MaxConnections,
		MemoryBudget:             int64(s.flags.MemoryBudget),
		QueueLimit:               int(s.flags.QueueLimit),
		UnsentLimit:              int(s.flags.UnsentLimit),
		SendBuffer:               int(s.flags.SendBuffer),
		MaxTopics:                s.flags.MaxTopics,
		MaxEventsPerSecond:       s.flags.MaxEventsPerSecond,
		MaxBytesPerSecond:        int(s.flags.MaxBytesPerSecond),
		MaxControlsPerSecond:     s.flags.MaxControlsPerSecond,
		MaxConnectionsPerAddress: s.flags.MaxConnectionsPerAddress,
		MaxHandshakesPerAddress:  s.flags.MaxHandshakesPerAddress,
		MaxHandshake:             int(s.flags.MaxHandshake),
		Origins:                  s.flags.Origins,
		Hosts:                    s.hostNames(),
		Subprotocols:             s.flags.Subprotocols,
		FirstByteTimeout:         s.flags.FirstByteTimeout,
		HandshakeTimeout:         s.flags.HandshakeTimeout,
		MessageTimeout:           s.flags.MessageTimeout,
		PingInterval:             s.flags.PingInterval,
		PeerTimeout:              s.flags.PeerTimeout,
		CloseTimeout:             s.flags.CloseTimeout,
		DrainPeriod:              s.flags.DrainPeriod,
		Engine:                   engine,
		Reactors:                 s.flags.Reactors,
		Workers:                  s.flags.Workers,
	}
	if config.PingInterval == 0 {
		config.PingInterval = -1
	}
	return config, nil
}
