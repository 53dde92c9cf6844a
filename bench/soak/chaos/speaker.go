//go:build linux

package main

import (
	"bufio"
	"fmt"
	"io"
	"sync"
	"time"
)

// flushing is how long what a crew says may wait for more.
const flushing = 5 * time.Millisecond

// speaker writes lines, many at a time. Its lock guards it.
type speaker struct {
	mu  sync.Mutex
	out *bufio.Writer
	due bool
}

func newSpeaker(out io.Writer) *speaker { return &speaker{out: bufio.NewWriterSize(out, 64<<10)} }

// say writes a line, soon.
func (s *speaker) say(format string, arguments ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.out, format+"\n", arguments...)
	if !s.due {
		s.due = true
		time.AfterFunc(flushing, func() { s.flush() })
	}
}

func (s *speaker) flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.due = false
	return s.out.Flush()
}
