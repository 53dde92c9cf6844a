//go:build linux

package server

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

const (
	// firstPause and longestPause are the times between two samples of Await.
	firstPause   = 20 * time.Millisecond
	longestPause = 250 * time.Millisecond
)

// Sample is what a hub holds at one moment.
type Sample struct {
	// At is the moment.
	At time.Time
	// Memory is that of the process.
	Memory Memory
	// Heap is the part of the Go heap in use, in bytes.
	Heap int64
	// Descriptors and Goroutines are open and alive.
	Descriptors, Goroutines int
	// CPU is the time that the process has used.
	CPU time.Duration
	// Metrics are the hub's own.
	Metrics Metrics
}

// Sample reads everything.
func (s *Server) Sample() (now Sample, err error) {
	if now.Metrics, err = s.Metrics(); err != nil {
		return now, err
	}
	classes := now.Metrics["go_memory_classes_heap_objects_bytes"] + now.Metrics["go_memory_classes_heap_unused_bytes"]
	now.Heap = int64(cmp.Or(now.Metrics["go_memstats_heap_inuse_bytes"], classes))
	if now.Goroutines, err = s.goroutines(); err != nil {
		return now, err
	}
	if now.Memory, err = s.Memory(); err != nil {
		return now, err
	}
	if now.Descriptors, err = s.descriptors(); err != nil {
		return now, err
	}
	used, err := ReadCPU(s.PID())
	now.CPU, now.At = used.Whole, time.Now()
	return now, err
}

// Await takes samples, less and less often, until one satisfies the condition, and returns the last; with an error if ctx or the server
// ends first.
func (s *Server) Await(ctx context.Context, satisfied func(Sample) bool) (Sample, error) {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		now, err := s.Sample()
		if err != nil || satisfied(now) {
			return now, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return now, ctx.Err()
		case <-s.done:
			return now, s.Alive()
		}
	}
}

// String lists the main figures.
func (s Sample) String() string {
	return fmt.Sprintf("%.1f MB resident (%.1f MB anonymous), %.1f MB heap, %d descriptors, %d goroutines, %.0f connections, %.0f subscriptions, %.0f queued",
		float64(s.Memory.RSS)/1e6, float64(s.Memory.Anonymous)/1e6, float64(s.Heap)/1e6, s.Descriptors, s.Goroutines,
		s.Metrics[Connections], s.Metrics[Subscriptions], s.Metrics[Queued])
}
