package auth

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

const (
	// maxShared is how many different permissions are shared, and maxSharedKey how long the claims of one may be, all patterns taken together.
	maxShared    = 1024
	maxSharedKey = 4 << 10
)

// shares has compiled permissions by the claims that they are made of, so that tokens with equal claims share them. mu guards it.
//
// S1: compiled never has more than maxShared entries. A full one is emptied: what spokes have stays theirs, and what is common is back
// with the next token.
type shares struct {
	mu       sync.Mutex
	compiled map[string]*fanout.Permissions
}

// permissions are those that two claims give, nil claims leave those of grants. They are shared: nobody may change them.
func (s *shares) permissions(subscribe, publish []string, grants fanout.Permissions) (*fanout.Permissions, error) {
	var buf [256]byte
	key := appendClaim(appendClaim(buf[:0], subscribe), publish)
	s.mu.Lock()
	found := s.compiled[string(key)]
	s.mu.Unlock()
	if found != nil {
		return found, nil
	}
	made := grants
	if err := compile("subscribe", subscribe, &made.Subscribe); err != nil {
		return nil, err
	}
	if err := compile("publish", publish, &made.Publish); err != nil {
		return nil, err
	}
	if len(key) <= maxSharedKey {
		return s.share(string(key), &made), nil
	}
	return &made, nil
}

// share keeps permissions, or returns those that another token has brought meanwhile.
func (s *shares) share(key string, made *fanout.Permissions) *fanout.Permissions {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := s.compiled[key]; found != nil {
		return found
	}
	if s.compiled == nil || len(s.compiled) >= maxShared {
		s.compiled = make(map[string]*fanout.Permissions)
	}
	s.compiled[key] = made
	return made
}

// appendClaim appends a claim so that no two different ones look alike: the number of patterns and one, and each with its length ahead. A
// claim that is not there is 0.
func appendClaim(to []byte, patterns []string) []byte {
	if patterns == nil {
		return append(to, 0)
	}
	to = binary.AppendUvarint(to, uint64(len(patterns))+1)
	for _, pattern := range patterns {
		to = append(binary.AppendUvarint(to, uint64(len(pattern))), pattern...)
	}
	return to
}

// compile replaces patterns by those of a claim, if it is there.
func compile(name string, claim []string, patterns *event.Patterns) error {
	if claim == nil {
		return nil
	}
	parsed, err := event.ParsePatterns(claim)
	if err != nil {
		return fmt.Errorf("the claim %s: %w", name, err)
	}
	*patterns = parsed
	return nil
}
