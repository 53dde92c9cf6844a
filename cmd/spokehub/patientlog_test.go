package main

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// stuck is a reader of the log who takes nothing until it is freed.
type stuck struct {
	free chan struct{}
	mu   sync.Mutex
	got  bytes.Buffer
}

func (s *stuck) Write(line []byte) (int, error) {
	<-s.free
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got.Write(line)
}

func (s *stuck) lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Fields(s.got.String())
}

func TestALogThatNobodyReadsHoldsUpNobody(t *testing.T) {
	reader := &stuck{free: make(chan struct{})}
	var told uint64
	log := newPatientLog(reader, func(lines uint64) { told += lines })
	const lines = 3 * logLinesWaiting
	for i := range lines {
		fmt.Fprintln(log, i)
	}
	close(reader.free)
	log.close()
	got := reader.lines()
	if len(got) < logLinesWaiting || uint64(len(got))+told != lines {
		t.Errorf("got %d lines written and %d told as dropped, want at least %d and %d in all", len(got), told, logLinesWaiting, lines)
	}
	last := -1
	for i, line := range got {
		n, err := strconv.Atoi(line)
		if err != nil || n <= last || i < logLinesWaiting && n != i {
			t.Fatalf("line %d: got %q behind %d, want them in order, and the first ones all", i, line, last)
		}
		last = n
	}
}

func TestALogThatIsNeverReadDoesNotKeepTheProcess(t *testing.T) {
	reader, writer := io.Pipe()
	defer reader.Close()
	log := newPatientLog(writer, func(uint64) {})
	for range 2 * logLinesWaiting {
		fmt.Fprintln(log, "line")
	}
	log.close()
}
