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

// stuckReader is a reader of the log that accepts nothing until it is freed.
type stuckReader struct {
	free chan struct{}
	mu   sync.Mutex
	got  bytes.Buffer
}

func (s *stuckReader) Write(line []byte) (int, error) {
	<-s.free
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got.Write(line)
}

func (s *stuckReader) lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Fields(s.got.String())
}

func TestLogThatNobodyReadsBlocksNobody(t *testing.T) {
	reader := &stuckReader{free: make(chan struct{})}
	var dropped uint64
	log := newAsyncWriter(reader, func(lines uint64) { dropped += lines })
	const lines = 3 * maxWaitingLines
	for i := range lines {
		fmt.Fprintln(log, i)
	}
	close(reader.free)
	log.close()
	<-log.done
	got := reader.lines()
	if len(got) < maxWaitingLines || uint64(len(got))+dropped != lines {
		t.Errorf("got %d lines written and %d reported as dropped, want at least %d and %d in all", len(got), dropped, maxWaitingLines, lines)
	}
	last := -1
	for i, line := range got {
		n, err := strconv.Atoi(line)
		if err != nil || n <= last || i < maxWaitingLines && n != i {
			t.Fatalf("line %d: got %q after %d, want the lines in order and none of the first ones missing", i, line, last)
		}
		last = n
	}
}

func TestLogThatIsNeverReadDoesNotDelayTheExit(t *testing.T) {
	t.Parallel()
	reader, writer := io.Pipe()
	defer reader.Close()
	log := newAsyncWriter(writer, func(uint64) {})
	for range 2 * maxWaitingLines {
		fmt.Fprintln(log, "line")
	}
	log.close()
}
