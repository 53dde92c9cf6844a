package main

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"strconv"
)

const (
	reservedFiles = 64
	frameOverhead = 64

	mostConnections = 1 << 30
)

// capacity is how many clients there may be: what the flag says, or what the
// file limit leaves beside the descriptors that the process needs itself. It
// is 0 where neither tells.
func capacity(flags serveFlags, files uint64) uint64 {
	allowed := min(files-min(reservedFiles, files/2), mostConnections)
	if limit := uint64(flags.MaxConnections); limit > 0 && (allowed == 0 || limit < allowed) {
		return limit
	}
	return allowed
}

// largestPublish is the longest envelope that /publish takes. One that fills
// a client's queue would close every subscriber.
func largestPublish(flags serveFlags) int {
	return int(min(flags.MaxMessage, max(1, flags.QueueLimit-frameOverhead)))
}

// startAdmin serves the admin address, if there is one, and sends to failures
// should that end by itself.
func (s *service) startAdmin(failures chan<- error) (*http.Server, error) {
	if s.flags.Admin == "" {
		return &http.Server{}, nil
	}
	listener, err := listen("--admin", s.flags.Admin)
	if err != nil {
		return nil, err
	}
	server := s.adminServer(listener.Addr().String(), largestPublish(s.flags))
	server.Addr = listener.Addr().String()
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			failures <- fmt.Errorf("serve %s: %w", server.Addr, err)
		}
	}()
	return server, nil
}

// logStart says once what an operator wants to know of a process that begins.
func (s *service) logStart(public net.Addr, admin *http.Server) {
	attributes := []any{
		"version", buildVersion(),
		"websocket", fmt.Sprintf("ws://%s%s", public, s.flags.Path),
	}
	if s.flags.Page {
		attributes = append(attributes, "page", fmt.Sprintf("http://%s/", public))
	}
	if admin.Addr != "" {
		attributes = append(attributes, "admin", fmt.Sprintf("http://%s/", admin.Addr))
	}
	attributes = append(attributes,
		"relay", s.flags.Relay,
		"reactors", s.hub.Stats().Reactors,
		"gomaxprocs", runtime.GOMAXPROCS(0),
		"gomemlimit", memoryLimit(),
		"file_limit", fileLimit(),
		"spokes_allowed", s.capacity,
	)
	s.logger.Info("listening", attributes...)
	if admin.Addr != "" && !isLoopback(admin.Addr) {
		s.logger.Warn("the admin address can be reached from other machines and asks for no password", "admin", admin.Addr)
	}
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
