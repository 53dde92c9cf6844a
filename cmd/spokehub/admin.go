package main

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"
)

const (
	adminHeaderTimeout = 5 * time.Second
	adminIdleTimeout   = 2 * time.Minute
)

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
<li><a href="healthz">/healthz</a>, <a href="readyz">/readyz</a>: alive, and fit for more clients</li>
<li>POST /publish: one envelope, or many, one a line:<br><code>curl --data-binary '{"type":"t","payload":1}' http://%s/publish</code></li>
</ul>
</html>
`

// adminServer serves what only operators may see. A page on another site
// cannot make a browser publish, nor read, even where its name has been made
// to resolve to this machine.
func (s *service) adminServer(address string, maxLine int) *http.Server {
	mux := http.NewServeMux()
	s.handleHealth(mux)
	mux.Handle("GET /metrics", metricsHandler(s.hub.Stats))
	mux.Handle("POST /publish", publisher{s.hub.DispatchEvent, maxLine, int64(s.flags.PublishLimit)})
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, adminIndex, address)
	})
	return &http.Server{
		Handler:           forOwnName(address, http.NewCrossOriginProtection().Handler(withoutSniffing(mux))),
		ReadHeaderTimeout: adminHeaderTimeout,
		IdleTimeout:       adminIdleTimeout,
		ErrorLog:          slog.NewLogLogger(s.logger.Handler(), slog.LevelWarn),
	}
}

// forOwnName refuses, on a loopback address, requests for a name that is not this machine's own: behind one stands a page whose
// owner has it resolve to 127.0.0.1 (DNS rebinding).
func forOwnName(address string, next http.Handler) http.Handler {
	if !isLoopback(address) {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isOwnName(r.Host) {
			http.Error(w, fmt.Sprintf("this address is for 127.0.0.1 and localhost alone, not for %q", r.Host), http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func isOwnName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || net.ParseIP(host) != nil
}
