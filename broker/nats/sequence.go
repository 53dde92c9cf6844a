package nats

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/spokehub/spokehub/stream"
)

// streams are the sequences of the types that this engine has met.
type streams struct {
	mu sync.RWMutex
	// tokens has them by the token of their type.
	tokens map[string]*sequence
}

func newStreams() streams { return streams{tokens: map[string]*sequence{}} }

// sequence is what the engine knows of the stream of one type.
type sequence struct {
	token string
	// gate is held, by sending to it, by whoever makes or changes the stream.
	gate chan struct{}
	// policy is the one that the stream has been made for by this engine, nil if it has to be looked at first.
	policy atomic.Pointer[stream.Policy]
	// asking says that somebody is looking after the epoch.
	asking atomic.Bool
	state  state
}

// state is where a stream is, as far as is known. It is guarded by mu.
//
// I3: offsets are those of the epoch; each only grows while the epoch is the same.
type state struct {
	mu    sync.Mutex
	epoch string
	// top is the greatest offset that the stream is known to have had, passed that of the last live event, acked that of the last append.
	top, passed, acked uint64
	// failed is when a look-up failed last.
	failed time.Time
	// questions counts those to the servers, and answered is the newest that was answered.
	questions, answered uint64
}

func (s *streams) byType(typ string) *sequence {
	var space [128]byte
	token := appendToken(space[:0], typ)
	s.mu.RLock()
	found := s.tokens[string(token)]
	s.mu.RUnlock()
	if found != nil {
		return found
	}
	return s.byToken(string(token))
}

func (s *streams) byToken(token string) *sequence {
	s.mu.RLock()
	found := s.tokens[token]
	s.mu.RUnlock()
	if found != nil {
		return found
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if found = s.tokens[token]; found == nil {
		found = &sequence{token: token, gate: make(chan struct{}, 1)}
		s.tokens[token] = found
	}
	return found
}

// passed notes a live event. It returns the epoch, and whether the offset was there before: then the stream may have lost what it had.
func (s *sequence) passed(offset uint64) (epoch string, again bool) {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	again = offset <= s.state.passed
	s.state.passed = offset
	s.state.top = max(s.state.top, offset)
	return s.state.epoch, again && s.state.epoch != ""
}

// acked notes an append, as passed does.
func (s *sequence) acked(offset uint64) (epoch string, again bool) {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	again = offset <= s.state.acked
	s.state.acked = offset
	s.state.top = max(s.state.top, offset)
	return s.state.epoch, again
}

// epoch is the one that is known.
func (s *sequence) epoch() string {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	return s.state.epoch
}

// question is what was known when the servers were asked where a stream is: what they answer may be older than what is known when it comes.
type question struct {
	number uint64
	epoch  string
	top    uint64
}

func (s *sequence) ask() question {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	s.state.questions++
	return question{number: s.state.questions, epoch: s.state.epoch, top: s.state.top}
}

// learned is what an answer of the servers about a stream means.
type learned int

const (
	// nothing means that all is as it was, or that the stream was not known.
	nothing learned = iota
	// another means that the stream has another epoch.
	another
	// regressed means that it ends below what it is known to have had.
	regressed
)

// learn takes what the servers say: the epoch of a stream and its last offset. The answer to a question that was asked before one that has been
// answered says nothing new.
func (s *sequence) learn(q question, epoch string, last uint64) learned {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	if q.number < s.state.answered {
		return nothing
	}
	s.state.answered = q.number
	if known := s.state.epoch; known != epoch {
		s.state.epoch, s.state.top, s.state.passed, s.state.acked = epoch, last, 0, 0
		if known == "" {
			return nothing
		}
		return another
	}
	if q.epoch == epoch && last < q.top {
		return regressed
	}
	s.state.top = max(s.state.top, last)
	return nothing
}
