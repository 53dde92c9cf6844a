package fanout

import (
	"errors"
	"fmt"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spokehub/spokehub/event"
)

// Identity is who a spoke is and what it may do. The zero Identity is an anonymous spoke that may do all. It is passed by value,
// and who has passed one on may not change what it points to.
type Identity struct {
	// User is the name of the user, the same for all connections of one, and empty for an anonymous spoke. At most 256 bytes.
	User string
	// Expires is when the identity ends. If it is not renewed until then, the spoke is closed with 4401. Zero: never.
	Expires time.Time
	// Permissions are the topics that the spoke may subscribe to and publish to. Nil allows all. Many identities may share them.
	Permissions *Permissions
	// Value is the embedder's own.
	Value any
}

// Permissions say which topics a spoke may have. The topic of a published event is its type and id if it has an id ("order:7"), else
// its type. The zero value allows nothing. Patterns come from event.MustPatterns or ParsePatterns. What they don't cover has no effect:
// neither listeners nor other spokes get such an event.
type Permissions struct {
	// Subscribe covers topics that the spoke may subscribe to. A topic that is a type alone brings all events of the type, those with an
	// id included: who may have only some ids must not be covered for the type.
	Subscribe event.Patterns
	// Publish covers topics of events that it may send.
	Publish event.Patterns
}

// Identity is what the spoke's handshake or its last __auth has said, or what it was added with; the zero Identity if nothing did.
func (s *Spoke) Identity() Identity {
	if i := s.known(); i != nil {
		return *i
	}
	return Identity{}
}

// known is the spoke's identity, nil if nothing is known of it. Any goroutine may call it.
func (s *Spoke) known() *Identity {
	if x := s.extra.Load(); x != nil {
		return x.identity.Load()
	}
	return nil
}

// setIdentity stores an identity that says something, and returns the one before, nil if nothing was known. Any goroutine may call it.
func (s *Spoke) setIdentity(i Identity) (old *Identity) {
	if i.isZero() && s.known() == nil {
		return nil
	}
	if s.extra.Load() == nil {
		x := &identified{first: i}
		x.identity.Store(&x.first)
		if s.extra.CompareAndSwap(nil, &x.extra) {
			return nil
		}
	}
	next := i
	return s.extra.Load().identity.Swap(&next)
}

func (i *Identity) isZero() bool {
	return i.User == "" && i.Expires.IsZero() && i.Permissions == nil && i.Value == nil
}

var (
	// ErrInvalidIdentity is returned for an Identity whose user is longer than 256 bytes, is not UTF-8 or has control characters, and for
	// one that comes with AuthLater.
	ErrInvalidIdentity = errors.New("identity is not valid")
	// ErrIdentityExpired is returned for an Identity that has expired already.
	ErrIdentityExpired = errors.New("identity has expired")
)

const maxUser = 256

// check says what is wrong with an identity that a spoke is to have.
func (i *Identity) check() error {
	switch {
	case len(i.User) > maxUser:
		return fmt.Errorf("%w: a user of %d bytes, more than %d", ErrInvalidIdentity, len(i.User), maxUser)
	case !utf8.ValidString(i.User):
		return fmt.Errorf("%w: a user that is not UTF-8", ErrInvalidIdentity)
	case !i.Expires.IsZero() && time.Until(i.Expires) <= 0:
		return ErrIdentityExpired
	}
	for _, r := range i.User {
		if unicode.IsControl(r) {
			return fmt.Errorf("%w: a user with a control character", ErrInvalidIdentity)
		}
	}
	return nil
}
