package fanout

import (
	"errors"
	"time"
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
	// Permissions are the topics that the spoke may subscribe to and publish to. Nil allows all.
	Permissions *Permissions
	// Value is the embedder's own.
	Value any
}

// Permissions say which topics a spoke may have. The topic of a published event is its type and id if it has an id ("order:7"), else
// its type. The zero value allows nothing.
type Permissions struct {
	// Subscribe covers topics that the spoke may subscribe to.
	Subscribe event.Patterns
	// Publish covers topics of events that it may send.
	Publish event.Patterns
}

// Identity is what the spoke's handshake or its last __auth has said, or what it was added with; the zero Identity if nothing did.
func (s *Spoke) Identity() Identity {
	if x := s.extra.Load(); x != nil {
		if i := x.identity.Load(); i != nil {
			return *i
		}
	}
	return Identity{}
}

// setIdentity stores an identity that says something. Any goroutine may call it.
func (s *Spoke) setIdentity(i Identity) {
	if x := s.extra.Load(); !i.isZero() || x != nil && x.identity.Load() != nil {
		s.ensureExtra().identity.Store(&i)
	}
}

func (i *Identity) isZero() bool {
	return i.User == "" && i.Expires.IsZero() && i.Permissions == nil && i.Value == nil
}

// check says why nobody can have the identity.
func (i *Identity) check() error {
	switch {
	case len(i.User) > 256 || !utf8.ValidString(i.User):
		return errors.New("Identity.User is not UTF-8 of at most 256 bytes")
	case !i.Expires.IsZero() && time.Until(i.Expires) <= 0:
		return errors.New("Identity.Expires has passed")
	}
	return nil
}
