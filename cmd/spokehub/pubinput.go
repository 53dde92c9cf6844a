package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/spokehub/spokehub/event"
)

// eventSource has the events that spokehub pub publishes. next returns io.EOF behind the last.
type eventSource interface {
	next() (event.Event, error)
}

// events returns the source that the arguments name.
func (f *pubCommand) events(stdin io.Reader) (eventSource, error) {
	switch {
	case f.Count < 1:
		return nil, usageError{fmt.Errorf("--count: got %d, want 1 or more", f.Count)}
	case f.Rate < 0 || math.IsNaN(f.Rate):
		return nil, usageError{fmt.Errorf("--rate: got %v, want more than 0, or 0 for no limit", f.Rate)}
	case f.TokenFile == "-" && (f.Topic == "-" || f.Payload == "-"):
		return nil, usageError{errors.New("--token-file: standard input has the events; use a file")}
	case f.Topic == "-":
		if f.Payload != "" || f.String || f.Count != 1 {
			return nil, usageError{errors.New("topic -: the lines of standard input are whole events, so leave out the payload, --string and --count")}
		}
		return &lines{from: newLineReader(stdin), read: event.Parse}, nil
	}
	typ, id, err := event.SplitTopic(f.Topic)
	if err != nil {
		return nil, usageError{fmt.Errorf("topic %q: %w", f.Topic, err)}
	}
	if f.Payload == "-" {
		if f.Count != 1 {
			return nil, usageError{errors.New("--count: standard input says how many events there are, so leave it out")}
		}
		return &lines{from: newLineReader(stdin), read: func(line []byte) (event.Event, error) { return f.eventOf(typ, id, string(line)) }}, nil
	}
	e, err := f.eventOf(typ, id, f.Payload)
	if err != nil {
		return nil, usageError{fmt.Errorf("payload %q: %w; put JSON in single quotes, and a text behind --string", f.Payload, err)}
	}
	return &repeated{of: e, left: f.Count}, nil
}

// eventOf is the event with a payload as the flags read it.
func (f *pubCommand) eventOf(typ, id, payload string) (event.Event, error) {
	e := event.Event{Type: typ, ID: id, Payload: bytes.TrimSpace([]byte(payload))}
	if f.String {
		text, err := json.Marshal(payload)
		if err != nil {
			return event.Event{}, err
		}
		e.Payload = text
	}
	return e, e.Validate()
}

// repeated is the same event several times.
type repeated struct {
	of   event.Event
	left int
}

func (r *repeated) next() (event.Event, error) {
	if r.left == 0 {
		return event.Event{}, io.EOF
	}
	r.left--
	return r.of, nil
}

// maxLine is how long a line of standard input may be.
const maxLine = 16 << 20

func newLineReader(from io.Reader) *bufio.Scanner {
	scanner := bufio.NewScanner(from)
	scanner.Buffer(nil, maxLine)
	return scanner
}

// lines is an event for each line that is not empty.
type lines struct {
	from   *bufio.Scanner
	read   func(line []byte) (event.Event, error)
	number int
}

func (l *lines) next() (event.Event, error) {
	for l.from.Scan() {
		l.number++
		line := bytes.TrimSpace(l.from.Bytes())
		if len(line) == 0 {
			continue
		}
		e, err := l.read(line)
		if err != nil {
			return event.Event{}, fmt.Errorf("line %d of standard input: %w", l.number, err)
		}
		return e, nil
	}
	if err := l.from.Err(); errors.Is(err, bufio.ErrTooLong) {
		return event.Event{}, fmt.Errorf("line %d of standard input is longer than %d MiB: each line is one event", l.number+1, maxLine>>20)
	} else if err != nil {
		return event.Event{}, fmt.Errorf("line %d of standard input: %w", l.number+1, err)
	}
	return event.Event{}, io.EOF
}
