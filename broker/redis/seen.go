package redis

import (
	"strings"
	"sync"

	"github.com/spokehub/spokehub/event"
)

// seenLimit is how many streams an engine remembers the top of.
const seenLimit = 65536

// seen has the greatest position that the engine has seen of streams. When it is full it forgets any.
type seen struct {
	mu   sync.Mutex
	tops map[string]*event.Position
}

func (s *seen) init() { s.tops = map[string]*event.Position{} }

func (s *seen) of(typ string) event.Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at := s.tops[typ]; at != nil {
		return *at
	}
	return event.Position{}
}

// note takes a position in that is of another epoch or behind the one that is known. It does not keep typ, which may be borrowed.
func (s *seen) note(typ string, p event.Position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at := s.tops[typ]; at != nil {
		if at.Epoch != p.Epoch || at.Offset < p.Offset {
			*at = p
		}
		return
	}
	if len(s.tops) >= seenLimit {
		for other := range s.tops {
			delete(s.tops, other)
			break
		}
	}
	first := p
	s.tops[strings.Clone(typ)] = &first
}
