package main

import (
	"fmt"
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

// adminIndex is the page on /. Its verbs are the admin address.
const adminIndex = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Spokehub, for operators</title>
<style>:root { color-scheme: light dark } body { font: 16px/1.6 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem }</style>
<h1>Spokehub, for operators</h1>
<ul>
<li><a href="metrics">/metrics</a>: counters for Prometheus</li>
<li><a href="debug/pprof/">/debug/pprof/</a>: profiles of the running process</li>
<li><a href="healthz">/healthz</a>, <a href="readyz">/readyz</a>: alive, and ready for more clients</li>
<li>POST /publish: one event, or many, one per line:<br><code>curl --data-binary '{"type":"t","payload":1}' http://%s/publish</code></li>
<li>GET /history: the events that are kept of a topic:<br><code>curl 'http://%s/history?topic=t'</code></li>
<li><a href="nodes">/nodes</a>: the hubs of the cluster</li>
<li><a href="connections">/connections</a>, <a href="topics">/topics</a>: who is connected here, who is slow and why, and what is subscribed to</li>
<li>POST /disconnect and POST /unsubscribe: end connections, or take topics away from them</li>
</ul>
</html>
`

// adminServer serves what only operators may see. A page of another site cannot make a browser publish, read, or have a profile
// taken. On a loopback address it can't even if its host name resolves to this machine.
func (s *service) adminServer(address string, maxLine int) *http.Server {
	mux := http.NewServeMux()
	s.handleHealth(mux, true)
	mux.Handle("GET /metrics", metricsHandler(s.hub.Stats, reactorCollector(s.hub.Reactors), &s.reloads, s.certificates))
	mux.Handle("POST /publish", newPublisher(s.hub, maxLine, int64(s.flags.PublishLimit)))
	mux.Handle("GET /history", newHistorian(s.hub, int(s.flags.MaxEvent)))
	mux.HandleFunc("GET /nodes", s.serveNodes)
	newInspector(s.hub, s.flags.Node, s.logger).handle(mux)
	mux.HandleFunc("/debug/pprof/", profileIndex)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	indexPolicy := fmt.Sprintf(styledPolicy, elementHash(adminIndex, "style"))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", indexPolicy)
		fmt.Fprintf(w, adminIndex, address, address)
	})
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
