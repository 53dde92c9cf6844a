package cluster

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
)

// numberOf reads the number of an event.
func numberOf(payload []byte) (int, error) {
	var body struct {
		N int `json:"n"`
	}
	err := json.Unmarshal(payload, &body)
	return body.N, err
}

// fact is an event of a stream.
type fact struct {
	number int
	id     string
}

// truth is what the streams have, and had. mu guards all of it.
type truth struct {
	mu      sync.Mutex
	streams map[string]*streamTruth
	// appended has how often each event was appended.
	appended map[int]int
	fault    string
}

// streamTruth is the stream of a type: epochs in order, and the events of each, of which the first has offset 1. order are all that were appended.
type streamTruth struct {
	current string
	epochs  map[string][]fact
	order   []int
}

// watch is told by the network.
func (t *truth) watch(typ string, at event.Position, message []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.streams[typ]
	if s == nil {
		s = &streamTruth{epochs: map[string][]fact{}}
		t.streams[strings.Clone(typ)] = s
	}
	if message == nil {
		before := s.epochs[s.current]
		s.current = at.Epoch
		s.epochs[at.Epoch] = append([]fact(nil), before[:at.Offset]...)
		return
	}
	_, body, err := broker.ParseMessage(message)
	if err == nil {
		var e event.Event
		if e, err = event.Parse(body); err == nil {
			var number int
			number, err = numberOf(e.Payload)
			s.epochs[at.Epoch] = append(s.epochs[at.Epoch], fact{number, e.ID})
			s.order = append(s.order, number)
			t.appended[number]++
		}
	}
	if err != nil || uint64(len(s.epochs[at.Epoch])) != at.Offset {
		t.fault = fmt.Sprintf("%s at %v: got the message %q: %v", typ, at, message, err)
	}
}

// at returns what a stream has at a position.
func (t *truth) at(typ string, p event.Position) (fact, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.streams[typ]
	if s == nil || p.Offset < 1 || p.Offset > uint64(len(s.epochs[p.Epoch])) {
		return fact{}, false
	}
	return s.epochs[p.Epoch][p.Offset-1], true
}

// of returns the events of an epoch, and which epoch is the newest.
func (t *truth) of(typ, epoch string) (events []fact, current string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.streams[typ]
	if s == nil {
		return nil, ""
	}
	return s.epochs[epoch], s.current
}

// isCurrent says whether the newest epoch of its stream has an event.
func (t *truth) isCurrent(p *publication) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.streams[p.event.Type]
	return s != nil && slices.ContainsFunc(s.epochs[s.current], func(is fact) bool { return is.number == p.number })
}

func (t *truth) times(number int) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.appended[number]
}

// isOlder says whether an epoch began ahead of another. The network numbers them.
func isOlder(a, b string) bool { return ordinal(a) < ordinal(b) }

func ordinal(epoch string) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(epoch, "inproc"))
	return n
}
