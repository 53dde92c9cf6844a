package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spokehub/spokehub/fanout"
)

// service is one running spokehub serve. Only course, live and reloads change while it runs.
type service struct {
	// flags are those that it was started with.
	flags  serveFlags
	logger *slog.Logger
	hub    *fanout.Hub
	gate   *statsGate
	crowd  crowd
	// onLoopback says that browsers can reach the public addresses from this machine alone.
	onLoopback bool
	configured
	course  course
	live    liveSettings
	reloads reloadCounts
	// reloaders belong to the goroutine that serves signals.
	reloaders []reloader
}

// configured is there once the flags are read.
type configured struct {
	identities   *identities
	certificates *certificates
	traces       *traces
}

// serve runs the hub until a signal has drained it or something fails. SIGHUP reloads the configuration. One that the process was
// started to ignore, as by nohup, stays ignored. A log whose reader is stuck or gone ends nothing. Signals stay caught to the end of the
// process: one that comes on its last steps must not change how it exits.
func serve(given *settings, stdout io.Writer) error {
	signals, hangups := make(chan os.Signal, 2), make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(hangups, syscall.SIGHUP)
	}
	signal.Ignore(syscall.SIGPIPE)

	flags := *given.flags
	s := &service{flags: flags}
	log := newAsyncWriter(stdout, func(n uint64) {
		s.logger.Warn("log lines were dropped because the reader of the log is too slow", "lines", n)
	})
	defer log.close()
	s.live.level.Set(logLevels[flags.LogLevel])
	s.logger = newLogger(flags, &s.live.level, log)
	if len(given.unknown) > 0 {
		var near []string
		for _, name := range given.unknown {
			if meant := meant(name, given.model); meant != "" {
				near = append(near, meant)
			}
		}
		s.logger.Warn("ignoring environment variables that no flag reads", "names", given.unknown, "did_you_mean", near)
	}
	if given.sources.isEmptyFile() {
		s.logger.Warn(emptyFileWarning, "config", flags.Config)
	}
	limited, err := takeMemoryLimit()
	if err != nil {
		s.logger.Warn("GOMEMLIMIT stays off", "error", err.Error())
	}
	manager, err := newServiceManager(os.Getenv)
	if err != nil {
		s.logger.Warn("the service manager can't be told that the hub serves", "error", err)
	}
	s.course.manager = manager
	public, err := listenPublic(flags.Listen)
	if err != nil {
		return err
	}
	defer closeAll(public)
	s.onLoopback = areOnLoopback(public)
	s.live.set(s.hostNames(), capacity(flags, fileLimit()))
	if s.identities, err = newIdentities(flags, s.logger); err != nil {
		return usageError{err}
	}
	defer s.identities.close()
	if s.certificates, err = newCertificates(flags, public, s.logger); err != nil {
		return usageError{err}
	}
	if s.traces, err = newTraces(flags, s.logger); err != nil {
		return usageError{err}
	}
	defer s.traces.end()
	s.reloaders = append(s.reloaders, s.identities.prepare, s.certificates.prepare)
	config, err := s.hubConfig()
	if err != nil {
		return usageError{err}
	}
	if config.Broker, err = flags.broker(s.logger); err != nil {
		return usageError{err}
	}
	config.Fallback = s.publicHandler()
	s.traces.hooks(&config)
	hub, err := fanout.New(config)
	if err != nil {
		return flagError(err)
	}
	s.hub, s.gate = hub, newStatsGate(hub.Stats)
	failures := make(chan error, 1+len(public))
	admin, err := s.startAdmin(public, failures)
	if err != nil {
		return err
	}
	s.logStart(public, admin)
	s.logLimits(limited)
	for _, l := range public {
		go func() {
			if err := s.serveListener(l); !errors.Is(err, fanout.ErrClosed) {
				failures <- fmt.Errorf("serve %s: %w", l.text(), err)
			}
		}()
	}

	setGCPercent()
	stop := make(chan struct{})
	defer close(stop)
	go newScavenger().run(stop)
	if s.certificates.isOn() {
		go s.certificates.watch(stop)
	}

	go s.course.manager.watch(hub.Stats, stop)
	s.course.manager.ready(hub.Stats())

	reload := newReload(s, given)
	for {
		select {
		case err := <-failures:
			return err
		case <-hangups:
			s.course.manager.reloading()
			reload.run()
			s.course.manager.ready(hub.Stats())
		case received := <-signals:
			defer admin.Close()
			return s.drain(received, signals)
		}
	}
}

// serveListener serves one public address until the hub is shut down.
func (s *service) serveListener(l publicListener) error {
	return s.hub.ServeListener(l.Listener, l.options())
}

// hubConfig is the fanout.Config that the flags describe, at the start and in a reload, without Fallback. Without identities it is good for
// being checked alone.
func (s *service) hubConfig() (fanout.Config, error) {
	engine, err := fanout.ParseEngine(s.flags.Engine)
	if err != nil {
		return fanout.Config{}, fmt.Errorf("--engine: %w", err)
	}
	proxies, err := parseNetworks(s.flags.TrustedProxies)
	if err != nil {
		return fanout.Config{}, fmt.Errorf("--trusted-proxy: %w", err)
	}
	config := fanout.Config{
		TrustedProxies:           proxies,
		Path:                     s.flags.Path,
		Node:                     s.flags.Node,
		Logger:                   s.logger,
		Relay:                    s.flags.Relay,
		Binary:                   s.flags.Binary,
		MaxMessage:               int(s.flags.MaxMessage),
		MaxEvent:                 int(s.flags.MaxEvent),
		MaxConnections:           int(capacity(s.flags, fileLimit())),
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
		TopicRules:               s.flags.TopicRules,
		Policies:                 s.flags.policies(),
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
	if s.identities != nil {
		s.identities.apply(&config)
	}
	return config, nil
}
