package main

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
)

const (
	// reservedFiles is the number of descriptors that the process keeps for itself.
	reservedFiles = 64
	// frameOverhead is more than framing and re-encoding add to an event.
	frameOverhead = 64
	// maxConnections bounds what an unlimited number of descriptors allows.
	maxConnections = 1 << 30
)

// capacity is how many clients may connect: what the flag says, but no more than the
// file limit allows beside the descriptors that the process needs for itself. It is
// 0 if neither sets a limit.
func capacity(flags serveFlags, files uint64) uint64 {
	allowed := min(files-min(reservedFiles, files/2), maxConnections)
	if limit := uint64(flags.MaxConnections); limit > 0 && (allowed == 0 || limit < allowed) {
		return limit
	}
	return allowed
}

// maxPublish is the longest event that /publish accepts. One that fills a client's
// queue would close every subscriber.
func maxPublish(flags serveFlags) int {
	return int(min(flags.MaxEvent, max(1, flags.QueueLimit-frameOverhead)))
}

// startAdmin serves the admin address, if there is one. It reports to failures if
// serving ends by itself.
func (s *service) startAdmin(public []publicListener, failures chan<- error) (*http.Server, error) {
	if s.flags.Admin == "" {
		return &http.Server{}, nil
	}
	for _, l := range public {
		if isSameAddress(s.flags.Admin, l.Addr()) {
			return nil, usageError{fmt.Errorf("--admin %s: --listen %s has that port already: the two need different ones", s.flags.Admin, l.asked.address)}
		}
	}
	listener, err := listen("--admin", listenAddress{network: "tcp", address: s.flags.Admin})
	if err != nil {
		return nil, err
	}
	if !s.identities.guard.isOn() && !isLoopback(listener.Addr().String()) {
		listener.Close()
		return nil, usageError{s.flags.openAdmin()}
	}
	board, stop := newStatusBoard(s), make(chan struct{})
	server := s.adminServer(listener.Addr().String(), maxPublish(s.flags), board)
	server.Addr = listener.Addr().String()
	go board.run(stop)
	go func() {
		defer close(stop)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			failures <- fmt.Errorf("serve %s: %w", server.Addr, err)
		}
	}()
	return server, nil
}

// openAdmin is the error of an admin address that everybody could use.
func (f serveFlags) openAdmin() error {
	return fmt.Errorf("--admin %s: other machines could reach it, and it would ask them for no key: keep it on 127.0.0.1, or give --api-keys (spokehub token apikey makes a key)", f.Admin)
}

// isSameAddress reports whether listening on address would fail because public is open.
func isSameAddress(address string, public net.Addr) bool {
	admin, err := net.ResolveTCPAddr("tcp", address)
	taken, isTCP := public.(*net.TCPAddr)
	if err != nil || !isTCP || admin.Port != taken.Port || admin.Port == 0 {
		return false
	}
	return admin.IP == nil || admin.IP.IsUnspecified() || taken.IP.IsUnspecified() || admin.IP.Equal(taken.IP)
}

// logStart logs what an operator wants to know about a process that starts.
func (s *service) logStart(public []publicListener, admin *http.Server) {
	stats := s.hub.Stats()
	attributes := []any{"version", buildVersion()}
	if s.flags.Config != "" {
		attributes = append(attributes, "config", s.flags.Config)
	}
	var addresses, urls []string
	for _, l := range public {
		addresses, urls = append(addresses, l.text()), append(urls, l.url("ws", s.flags.Path))
	}
	attributes = append(attributes, "listen", addresses)
	if first := slices.IndexFunc(public, func(l publicListener) bool { return !l.isUnix() }); first >= 0 {
		attributes = append(attributes, "websocket", public[first].url("ws", s.flags.Path))
		if s.flags.Page {
			attributes = append(attributes, "page", public[first].url("http", "/"))
		}
	}
	if len(public) > 1 {
		attributes = append(attributes, "websockets", urls)
	}
	if admin.Addr != "" {
		attributes = append(attributes, "admin", fmt.Sprintf("http://%s/", admin.Addr))
	}
	for _, n := range s.hub.Nodes() {
		if n.IsSelf {
			attributes = append(attributes, "node", n.Name, "broker", s.flags.shownURL(), "broker_prefix", s.flags.BrokerPrefix)
		}
	}
	attributes = append(attributes,
		"relay", s.flags.Relay,
		"engine", stats.Engine.String(),
		"reactors", stats.Reactors,
		"gomaxprocs", runtime.GOMAXPROCS(0),
		"gomemlimit", memoryLimit(),
		"file_limit", fileLimit(),
		"spokes_allowed", s.live.capacity.Load(),
	)
	s.logger.Info("listening", attributes...)
	s.certificates.logAll()
	s.logContradictions(s.flags)
}

func isLoopback(address string) bool {
	host, _, _ := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func memoryLimit() string {
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		return "off"
	}
	return strconv.FormatInt(limit, 10)
}
