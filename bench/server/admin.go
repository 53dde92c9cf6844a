//go:build linux

package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

const requestTimeout = 15 * time.Second

var client = &http.Client{Timeout: requestTimeout, Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}

// Metrics reads the hub's /metrics.
func (s *Server) Metrics() (Metrics, error) {
	body, err := s.get("/metrics")
	return ParseMetrics(body), err
}

// goroutines reads from the hub's profile how many goroutines it has.
func (s *Server) goroutines() (int, error) {
	body, err := s.get("/debug/pprof/goroutine?debug=1")
	if err != nil {
		return 0, err
	}
	line, _, _ := bytes.Cut(body, []byte("\n"))
	_, total, _ := bytes.Cut(line, []byte("total "))
	return strconv.Atoi(string(total))
}

func (s *Server) get(path string) ([]byte, error) {
	if s.Admin == "" {
		return nil, errors.New("the server has no admin address")
	}
	response, err := client.Get(s.Admin + path)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(response.Status)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return body, nil
}

// Profile records a CPU profile of the hub over some time and writes it to out.
func (s *Server) Profile(seconds int, out io.Writer) error {
	response, err := http.Get(fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", s.Admin, seconds))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(out, response.Body)
	return err
}

// Publish posts envelopes, one a line, and returns when the hub has dispatched all of them.
func (s *Server) Publish(lines []byte) error {
	response, err := client.Post(s.Admin+"/publish", "application/x-ndjson", bytes.NewReader(lines))
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	defer response.Body.Close()
	var report struct{ Accepted, Rejected int }
	if err := json.NewDecoder(response.Body).Decode(&report); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	if want := bytes.Count(lines, []byte("\n")); response.StatusCode != http.StatusOK || report.Accepted != want {
		return fmt.Errorf("publish: %s, %d accepted and %d rejected of %d", response.Status, report.Accepted, report.Rejected, want)
	}
	return nil
}
