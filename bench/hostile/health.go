//go:build linux

package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/spokehub/spokehub/bench/swarm"
)

const (
	checksASecond = 20
	checkTimeout  = 5 * time.Second
)

// healthChecks ask for /healthz on schedule, whether or not earlier ones have been answered: half of them on fresh connections. The lock
// guards the report.
type healthChecks struct {
	url string
	// any is true for a peer, of which any answer will do: it has no /healthz.
	any         bool
	kept, fresh *http.Client
	running     sync.WaitGroup
	mu          sync.Mutex
	report      healthReport
}

// healthReport is what became of them.
type healthReport struct {
	Latency *swarm.Latency
	// Failed had no good answer in time, for example as in Example.
	Checks, Failed int
	Example        string
}

func newHealthChecks(at place) (*healthChecks, error) {
	scheme, config := "http://", (*tls.Config)(nil)
	if at.Certificate != "" {
		var err error
		if config, err = at.server().TLSConfig(); err != nil {
			return nil, err
		}
		scheme = "https://"
	}
	client := func(keep bool) *http.Client {
		dialer := &net.Dialer{Timeout: checkTimeout}
		return &http.Client{Timeout: checkTimeout, Transport: &http.Transport{
			DisableKeepAlives: !keep, DisableCompression: true, DialContext: dialer.DialContext, MaxIdleConnsPerHost: 1, TLSClientConfig: config,
		}}
	}
	return &healthChecks{
		url: scheme + at.Address + "/healthz", any: !at.Hub, kept: client(true), fresh: client(false),
		report: healthReport{Latency: swarm.NewLatency()},
	}, nil
}

// run checks until it is stopped.
func (h *healthChecks) run(stop <-chan struct{}) {
	begin := time.Now()
	for number := 0; onSchedule(begin, time.Second/checksASecond, number, stop); number++ {
		client, due := h.kept, begin.Add(time.Duration(number)*time.Second/checksASecond)
		if number%2 == 0 {
			client = h.fresh
		}
		h.running.Go(func() { h.note(h.check(client), time.Since(due)) })
	}
}

func (h *healthChecks) check(client *http.Client) error {
	response, err := client.Get(h.url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	io.Copy(io.Discard, response.Body)
	if response.StatusCode != http.StatusOK && !h.any {
		return fmt.Errorf("answered with %s", response.Status)
	}
	return nil
}

func (h *healthChecks) note(err error, took time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.report.Checks++
	h.report.Latency.Record(int64(took))
	if err != nil {
		h.report.Failed++
		h.report.Example = err.Error()
	}
}

// finish waits for the last answers, at most as long as each may take.
func (h *healthChecks) finish() healthReport {
	h.running.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.report
}
