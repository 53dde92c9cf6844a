//go:build linux

package storm

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

const (
	requestTimeout   = 15 * time.Second
	awaitFirst       = 20 * time.Millisecond
	awaitLast        = time.Second
	cpuClockSchedule = 2
)

// Sample is what a Hub holds at one moment.
type Sample struct {
	// At is the moment.
	At time.Time
	// RSS is all memory of the process that is resident, Anonymous the part of it that is no file's, in bytes.
	RSS, Anonymous int64
	// Heap is what the Go heap has in use, in bytes.
	Heap int64
	// Descriptors and Goroutines are open and alive.
	Descriptors, Goroutines int
	// CPU is the time that the process has used.
	CPU time.Duration
	// Metrics are the hub's own.
	Metrics Metrics
}

var scraper = &http.Client{Timeout: requestTimeout, Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}

// Sample reads everything.
func (h *Hub) Sample() (s Sample, err error) {
	body, err := h.get("/metrics")
	if err != nil {
		return s, err
	}
	s.Metrics = ParseMetrics(body)
	s.Heap = int64(s.Metrics["go_memstats_heap_inuse_bytes"])
	if s.Heap == 0 {
		s.Heap = int64(s.Metrics["go_memory_classes_heap_objects_bytes"] + s.Metrics["go_memory_classes_heap_unused_bytes"])
	}
	if s.Goroutines, err = h.Goroutines(); err != nil {
		return s, err
	}
	return s, h.sampleProcess(&s)
}

// Goroutines reads how many goroutines the hub has from its profile.
func (h *Hub) Goroutines() (int, error) {
	body, err := h.get("/debug/pprof/goroutine?debug=1")
	if err != nil {
		return 0, err
	}
	line, _, _ := bytes.Cut(body, []byte("\n"))
	_, total, _ := bytes.Cut(line, []byte("total "))
	n, err := strconv.Atoi(string(total))
	if err != nil {
		return 0, fmt.Errorf("storm: read the goroutine profile: %w", err)
	}
	return n, nil
}

func (h *Hub) get(path string) ([]byte, error) {
	response, err := scraper.Get(h.Admin + path)
	if err != nil {
		return nil, fmt.Errorf("storm: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("storm: read %s: %w", path, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("storm: %s answered %s", path, response.Status)
	}
	return body, nil
}

func (h *Hub) sampleProcess(s *Sample) error {
	pid := h.PID()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return fmt.Errorf("storm: read the memory: %w", err)
	}
	s.RSS, s.Anonymous = kilobytes(status, "VmRSS:"), kilobytes(status, "RssAnon:")
	descriptors, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return fmt.Errorf("storm: count the descriptors: %w", err)
	}
	s.Descriptors = len(descriptors)
	var used unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|cpuClockSchedule), &used); err != nil {
		return fmt.Errorf("storm: read the CPU time: %w", err)
	}
	s.CPU = time.Duration(used.Nano())
	s.At = time.Now()
	return nil
}

// kilobytes finds a line such as "VmRSS:  123 kB" and gives bytes, or 0.
func kilobytes(content []byte, name string) int64 {
	for line := range bytes.Lines(content) {
		if fields := bytes.Fields(line); len(fields) >= 2 && string(fields[0]) == name {
			value, _ := strconv.ParseInt(string(fields[1]), 10, 64)
			return value << 10
		}
	}
	return 0
}

// Await takes samples, less and less often, until one is right, and gives the last one; with an error when ctx ends first.
func (h *Hub) Await(ctx context.Context, right func(Sample) bool) (Sample, error) {
	for pause := awaitFirst; ; pause = min(2*pause, awaitLast) {
		s, err := h.Sample()
		if err != nil || right(s) {
			return s, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return s, fmt.Errorf("storm: waited in vain: %w", ctx.Err())
		case <-h.done:
			return s, fmt.Errorf("storm: the hub ended with %v: %s", h.cmd.ProcessState, h.Said())
		}
	}
}

// Settled says that nothing is open, subscribed or queued but what the base sample had.
func (s Sample) Settled(base Sample) bool {
	for _, name := range []string{Connections, Topics, Subscriptions, Queued, QueuedBytes} {
		if s.Metrics[name] != base.Metrics[name] {
			return false
		}
	}
	return s.Descriptors <= base.Descriptors
}

// String tells the main figures.
func (s Sample) String() string {
	return fmt.Sprintf("%.1f MB resident (%.1f MB anonymous), %.1f MB heap, %d descriptors, %d goroutines, %.0f connections, %.0f subscriptions, %.0f queued",
		float64(s.RSS)/1e6, float64(s.Anonymous)/1e6, float64(s.Heap)/1e6, s.Descriptors, s.Goroutines,
		s.Metrics[Connections], s.Metrics[Subscriptions], s.Metrics[Queued])
}
