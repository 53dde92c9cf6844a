package main

import (
	"bytes"
	"io"
	"sync/atomic"
	"time"
)

const (
	// maxWaitingLines is how many lines of the log wait for its reader before further ones are dropped.
	maxWaitingLines = 1024
	// logFlushTimeout bounds how long close waits for the reader.
	logFlushTimeout = time.Second
)

// asyncWriter writes the log from a goroutine of its own, so that a stuck reader of the log blocks neither a reactor nor
// a drain. It drops lines that do not fit and reports how many once there is room again.
//
// I1: only its goroutine writes to w, one whole line at a time, in the order in which the lines came.
type asyncWriter struct {
	w       io.Writer
	lines   chan []byte
	done    chan struct{}
	dropped atomic.Uint64
	// notifyDropped is called on the goroutine and may log.
	notifyDropped func(lines uint64)
}

// newAsyncWriter returns a writer to w. The caller closes it.
func newAsyncWriter(w io.Writer, notifyDropped func(lines uint64)) *asyncWriter {
	a := &asyncWriter{w: w, lines: make(chan []byte, maxWaitingLines), done: make(chan struct{}), notifyDropped: notifyDropped}
	go a.run()
	return a
}

// Write queues a copy of one line. It never blocks and never fails.
func (a *asyncWriter) Write(line []byte) (int, error) {
	select {
	case a.lines <- bytes.Clone(line):
	default:
		a.dropped.Add(1)
	}
	return len(line), nil
}

// close writes the waiting lines, as many as the reader accepts within a second.
func (a *asyncWriter) close() {
	timeout := time.After(logFlushTimeout)
	select {
	case a.lines <- nil:
	case <-timeout:
		return
	}
	select {
	case <-a.done:
	case <-timeout:
	}
}

func (a *asyncWriter) run() {
	defer close(a.done)
	for line := range a.lines {
		if line == nil {
			return
		}
		_, _ = a.w.Write(line)
		if n := a.dropped.Swap(0); n > 0 {
			a.notifyDropped(n)
		}
	}
}
