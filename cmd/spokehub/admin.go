package main

import (
	"log/slog"
	"net/http"
	"net/http/pprof"
	"time"
)

const (
	// adminHeaderTimeout bounds the time for the headers of a request.
	adminHeaderTimeout = 5 * time.Second
	// adminIdleTimeout is how long a kept-alive connection may be silent.
	adminIdleTimeout = 2 * time.Minute
)

// adminServer serves what only operators may see. A page of another site cannot make a browser publish, read, or have a profile
// taken. On a loopback address it can't even if its host name resolves to this machine.
func (s *service) adminServer(address string, maxLine int, board *statusBoard) *http.Server {
	mux := http.NewServeMux()
	s.handleHealth(mux, true)
	mux.Handle("GET /metrics", metricsHandler(s.hub.Stats, reactorCollector(s.hub.Reactors), &s.reloads, s.certificates))
	mux.Handle("POST /publish", s.traces.handler("POST /publish", newPublisher(s.traces.target(s.hub), maxLine, int64(s.flags.PublishLimit))))
	mux.Handle("GET /history", newHistorian(s.hub, int(s.flags.MaxEvent)))
	mux.HandleFunc("GET /nodes", s.serveNodes)
	newInspector(s.hub, s.flags.Node, s.logger).handle(mux)
	mux.Handle("GET /status", board)
	mux.Handle("GET /{$}", newDashboard())
	mux.HandleFunc("/debug/pprof/", profileIndex)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	var names []string
	if isLoopback(address) {
		names = append(ownNames(), "localhost")
	}
	return &http.Server{
		Handler:           withAdminHeaders(knownHostsOnly(func() []string { return names }, adminHostAdvice, ownPagesOnly(s.identities.guard.protect(mux)))),
		ReadHeaderTimeout: adminHeaderTimeout,
		IdleTimeout:       adminIdleTimeout,
		ErrorLog:          slog.NewLogLogger(s.logger.Handler(), slog.LevelWarn),
	}
}
