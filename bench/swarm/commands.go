//go:build linux

package swarm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// commandReader reads commands, a JSON line each, from a pipe that doesn't block, and writes answers.
type commandReader struct {
	in  int
	out io.Writer
	// partial is the beginning of a line.
	partial []byte
	// ended says that the parent is done.
	ended bool
}

// read returns the commands whose lines are complete.
func (r *commandReader) read() (commands []command, err error) {
	var chunk [4096]byte
	for {
		n, errno := readRaw(r.in, chunk[:])
		if errno == unix.EAGAIN {
			break
		}
		if n <= 0 {
			r.ended = true
			break
		}
		r.partial = append(r.partial, chunk[:n]...)
	}
	for {
		line, rest, found := bytes.Cut(r.partial, []byte("\n"))
		if !found {
			return commands, nil
		}
		var c command
		if err := json.Unmarshal(line, &c); err != nil {
			return nil, fmt.Errorf("read a command: %w", err)
		}
		commands = append(commands, c)
		r.partial = rest
	}
}

// answer writes one line.
func (r *commandReader) answer(a reply) error {
	line, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("encode an answer: %w", err)
	}
	if _, err := r.out.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("answer the parent: %w", err)
	}
	return nil
}
