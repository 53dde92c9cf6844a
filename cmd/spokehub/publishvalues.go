package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// publishLines reads a body with one event per line and skips empty lines.
func (run *publishRun) publishLines() error {
	for number := 1; ; number++ {
		end := run.readLine()
		if end != nil && end != io.EOF {
			return run.brokenOff(publishError{Line: number}, end)
		}
		if err := run.publishValue(publishError{Line: number}, false); err != nil {
			return err
		}
		if end == io.EOF {
			return nil
		}
	}
}

// readLine reads the next line, or the rest of the body and io.EOF.
func (run *publishRun) readLine() error {
	run.body.begin()
	for {
		part, err := run.body.ReadSlice('\n')
		if noMemory := run.body.add(part); noMemory != nil {
			return noMemory
		}
		if err != bufio.ErrBufferFull {
			return err
		}
	}
}

// publishValue publishes the value that has been read. An empty one is an event only where one is due.
func (run *publishRun) publishValue(at publishError, due bool) error {
	envelope, err := run.body.event()
	switch {
	case err != nil:
		run.report.reject(at, err)
		return nil
	case len(envelope) == 0 && !due:
		return nil
	case len(envelope) == 0:
		run.report.reject(at, errors.New("an event is missing"))
		return nil
	}
	return run.publish(at, envelope)
}

// brokenOff reports the end of a body in the middle of a value, which counts as rejected.
func (run *publishRun) brokenOff(at publishError, err error) error {
	if errors.Is(err, errNoRoom) {
		return err
	}
	err = bodyError(err)
	run.report.reject(at, err)
	return err
}

// publishJSON reads a body that is one event, or an array of events.
func (run *publishRun) publishJSON() error {
	first, err := run.firstByte()
	if err == io.EOF {
		return nil
	}
	if err != nil {
		return bodyError(err)
	}
	if first == '[' {
		_, _ = run.body.Discard(1)
		return run.publishArray()
	}
	run.body.begin()
	for {
		part, err := run.body.ReadSlice('\n')
		if noMemory := run.body.add(part); noMemory != nil {
			return noMemory
		}
		if err == io.EOF || run.body.tooLong {
			return run.publishDocument()
		}
		if err != nil && err != bufio.ErrBufferFull {
			return run.brokenOff(publishError{Line: 1}, err)
		}
	}
}

// publishDocument publishes the value as one event. Two events, each on a line, have the wrong content type.
func (run *publishRun) publishDocument() error {
	envelope, err := run.body.event()
	if err != nil {
		run.report.reject(publishError{Line: 1}, err)
		return nil
	}
	line, rest, _ := bytes.Cut(envelope, []byte{'\n'})
	if bytes.HasSuffix(bytes.TrimSpace(line), []byte{'}'}) && bytes.HasPrefix(bytes.TrimSpace(rest), []byte{'{'}) {
		run.report.reject(publishError{Line: 2}, errors.New("a second event: one event per line needs Content-Type: application/x-ndjson, and application/json an array"))
		return nil
	}
	return run.publish(publishError{Line: 1}, envelope)
}

// firstByte skips blanks and returns the byte behind them without reading it.
func (run *publishRun) firstByte() (byte, error) {
	for {
		c, err := run.body.ReadByte()
		if err != nil {
			return 0, err
		}
		if !isBlank(c) {
			return c, run.body.UnreadByte()
		}
	}
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// publishArray reads the elements of an array behind its bracket.
func (run *publishRun) publishArray() error {
	first, err := run.firstByte()
	if err == nil && first == ']' {
		_, _ = run.body.Discard(1)
		return run.endOfArray()
	}
	for number := 1; ; number++ {
		at := publishError{Element: number}
		end, err := run.readElement()
		if err == io.EOF {
			err = errors.New("the array isn't closed")
		}
		if err != nil {
			return run.brokenOff(at, err)
		}
		if err := run.publishValue(at, true); err != nil {
			return err
		}
		if end == ']' {
			return run.endOfArray()
		}
	}
}

// endOfArray wants nothing behind an array.
func (run *publishRun) endOfArray() error {
	switch _, err := run.firstByte(); err {
	case io.EOF:
		return nil
	case nil:
		return errors.New("there is data behind the array, which was not read")
	default:
		return bodyError(err)
	}
}

// readElement reads up to the comma or bracket behind an element, and returns that. Whether the element is valid is for
// event.Parse to say.
func (run *publishRun) readElement() (end byte, err error) {
	run.body.begin()
	var s elementScanner
	for {
		if _, err := run.body.Peek(1); err != nil {
			return 0, err
		}
		part, _ := run.body.Peek(run.body.Buffered())
		n := s.scan(part)
		if err := run.body.add(part[:n]); err != nil {
			return 0, err
		}
		if n < len(part) {
			end = part[n]
			_, _ = run.body.Discard(n + 1)
			return end, nil
		}
		_, _ = run.body.Discard(n)
	}
}

// elementScanner finds the end of an element of an array. It belongs to whoever reads the array.
type elementScanner struct {
	depth    int
	inString bool
	escaped  bool
}

// scan returns how much of view belongs to the element: all of it, or what is ahead of the comma or bracket that ends it.
func (s *elementScanner) scan(view []byte) int {
	for i, c := range view {
		switch {
		case s.escaped:
			s.escaped = false
		case s.inString:
			s.inString = c != '"'
			s.escaped = c == '\\'
		case c == '"':
			s.inString = true
		case c == '{' || c == '[':
			s.depth++
		case s.depth == 0 && (c == ',' || c == ']'):
			return i
		case s.depth > 0 && (c == '}' || c == ']'):
			s.depth--
		}
	}
	return len(view)
}
