package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/spokehub/spokehub/fanout"
)

// publicStats is what /stats.json tells anybody: totals, and nothing about any one client.
type publicStats struct {
	Connections      uint64 `json:"connections"`
	Topics           uint64 `json:"topics"`
	Subscriptions    uint64 `json:"subscriptions"`
	EventsIn         uint64 `json:"events_in"`
	EventsDispatched uint64 `json:"events_dispatched"`
	Deliveries       uint64 `json:"deliveries"`
	Delivered        uint64 `json:"delivered"`
	Dropped          uint64 `json:"dropped"`
	QueuedBytes      uint64 `json:"queued_bytes"`
}

// publicHandler answers the requests at the public address that are not WebSocket
// handshakes.
func (s *service) publicHandler() http.Handler {
	mux := http.NewServeMux()
	s.handleHealth(mux, false)
	mux.Handle("GET "+clientPath, newClientScript())
	if s.flags.Page {
		mux.Handle("GET /{$}", newBuiltInPage(s.flags.Path, s.flags.Relay))
		mux.HandleFunc("GET /stats.json", s.serveStats)
	}
	lost := rate.NewLimiter(rate.Every(time.Second), 10)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		message := fmt.Sprintf("not found: WebSocket clients connect to %s", s.flags.Path)
		if s.flags.Page {
			message += ", the built-in page is at /"
		}
		if isHandshake(r) && lost.Allow() {
			s.logger.Info("handshake refused", "address", r.RemoteAddr, "origin", oneLine(r.Header.Get("Origin")), "host", oneLine(r.Host),
				"path", oneLine(r.URL.EscapedPath()), "status", http.StatusNotFound, "reason", message)
		}
		if !isHandshake(r) {
			message += "; what operators ask for, such as /metrics and /publish, is at the address of --admin"
		}
		http.Error(w, message, http.StatusNotFound)
	})
	return s.crowd.pace(withDeadlines(withoutSniffing(knownHostsOnly(s.live.hostNames, publicHostAdvice, mux))))
}

// isHandshake says that a request asks for a WebSocket.
func isHandshake(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

const (
	// requestTimeout bounds the time for the body of a request.
	requestTimeout = 10 * time.Second
	// responseTimeout bounds the time for taking the response.
	responseTimeout = 30 * time.Second
)

// withDeadlines bounds how long a client may take to send a body, which no handler
// here reads, and to take the response.
func withDeadlines(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connection, now := http.NewResponseController(w), time.Now()
		_ = connection.SetReadDeadline(now.Add(requestTimeout))
		_ = connection.SetWriteDeadline(now.Add(responseTimeout))
		next.ServeHTTP(w, r)
	})
}

// handleHealth answers whether the hub is alive, and ready.
func (s *service) handleHealth(mux *http.ServeMux, isForOperators bool) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		writeText(w, http.StatusOK, "alive")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if reason := s.unready(s.gate.stats(), isForOperators); reason != "" {
			writeText(w, http.StatusServiceUnavailable, reason)
			return
		}
		writeText(w, http.StatusOK, "ready")
	})
}

// unready returns why no further client should be sent here, or "". A hub that is kept at its memory budget is ready, since
// strangers can bring it there; one that can't keep it is not. Only operators are told what is wrong with the broker.
func (s *service) unready(stats fanout.Stats, isForOperators bool) string {
	cut := s.isCutOff()
	switch {
	case s.course.draining.Load():
		return "draining"
	case cut != "" && !isForOperators:
		return "cut off from other hubs"
	case cut != "":
		return cut
	case s.live.capacity.Load() > 0 && stats.Connections >= s.live.capacity.Load():
		return fmt.Sprintf("full: %d of %d connections", stats.Connections, s.live.capacity.Load())
	case stats.MemoryBudget > 0 && stats.Memory.Total() >= stats.MemoryBudget+stats.MemoryBudget/2:
		kind, bytes := stats.Memory.Largest()
		return fmt.Sprintf("over the memory budget: %d of %d bytes, of them %d in %s", stats.Memory.Total(), stats.MemoryBudget, bytes, kind)
	}
	return ""
}

func (s *service) serveStats(w http.ResponseWriter, r *http.Request) {
	stats := s.gate.stats()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	json.NewEncoder(w).Encode(publicStats{
		Connections:      stats.Connections,
		Topics:           stats.Topics,
		Subscriptions:    stats.Subscriptions,
		EventsIn:         stats.EventsIn,
		EventsDispatched: stats.EventsDispatched,
		Deliveries:       stats.Deliveries,
		Delivered:        stats.Delivered,
		Dropped:          stats.DroppedBackpressure + stats.DroppedClosed + stats.DroppedBudget,
		QueuedBytes:      stats.QueuedBytes,
	})
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	fmt.Fprintln(w, text)
}

func withoutSniffing(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}
