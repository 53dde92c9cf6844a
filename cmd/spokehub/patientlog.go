package main

import (
	"bytes"
	"io"
	"sync/atomic"
	"time"
)

const (
	logLinesWaiting = 1024
	logFlushTime    = time.Second
)

// patientLog writes lines from a goroutine of its own, so that a reader of the log who is stuck holds up no reactor and no
// drain. Lines that don't fit are dropped, and told of once there is room again.
//
// I1: only the goroutine writes to w, one whole line at a time, in the order in which they came.
type patientLog struct {
	w       io.Writer
	lines   chan []byte
	done    chan struct{}
	dropped atomic.Uint64
	tell    func(lines uint64)
}

// newPatientLog writes to w until close. It calls tell, which may log, with the number of lines dropped.
func newPatientLog(w io.Writer, tell func(lines uint64)) *patientLog {
	l := &patientLog{w: w, lines: make(chan []byte, logLinesWaiting), done: make(chan struct{}), tell: tell}
	go l.run()
	return l
}

func (l *patientLog) run() {
	defer close(l.done)
	for line := range l.lines {
		if line == nil {
			return
		}
		_, _ = l.w.Write(line)
		if n := l.dropped.Swap(0); n > 0 {
			l.tell(n)
		}
	}
}

// Write queues a copy of one line and never waits. It fails never.
func (l *patientLog) Write(line []byte) (int, error) {
	select {
	case l.lines <- bytes.Clone(line):
	default:
		l.dropped.Add(1)
	}
	return len(line), nil
}

// close writes what waits, as far as the reader takes it within a second.
func (l *patientLog) close() {
	late := time.After(logFlushTime)
	select {
	case l.lines <- nil:
	case <-late:
		return
	}
	select {
	case <-l.done:
	case <-late:
	}
}
