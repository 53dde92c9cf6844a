package stream

import (
	"errors"

	"github.com/spokehub/spokehub/event"
)

// Frame is an event of a stream, encoded. A store has a reference to each one that it keeps.
type Frame interface {
	// ID returns the id of the event. It never changes.
	ID() []byte
	// Memory returns how many bytes the frame takes. It never changes.
	Memory() int
	// Retain adds n references.
	Retain(n int)
	// Release takes one away. It is called under the stream's lock, so it must neither block nor call the store.
	Release()
}

// Draft is an event on its way into a stream.
type Draft interface {
	// ID returns the id of the event.
	ID() []byte
	// Ready is asked under the stream's lock before anything is done. If it says no, Append does nothing and returns NotReady.
	Ready() bool
	// Place tells the offset. It is called once, under the stream's lock, in the order of offsets. It returns the finished frame with
	// a reference that is the store's. It must neither block nor call the store.
	Place(offset uint64) Frame
}

// Outcome is what became of an Append.
type Outcome uint8

const (
	// Appended says that the event has the position that was returned.
	Appended Outcome = iota
	// Repeated says that the key was there before: the position is that of the first event that had it. Place was not called.
	Repeated
	// NotReady says that the draft was not ready, so nothing has happened.
	NotReady
)

// MaxKey is the length of the longest idempotency key, in bytes.
const MaxKey = 256

var (
	// ErrNoHistory is an Append with no policy, or with one that keeps nothing.
	ErrNoHistory = errors.New("the type has no stream: give it a policy with history")
	// ErrKey is an idempotency key that is too long.
	ErrKey = errors.New("the idempotency key is longer than 256 bytes: use a shorter one, such as a UUID")
)

// Store keeps streams. Any goroutine may call it. Memory is the one that this package has.
type Store interface {
	// Append appends the draft to the stream of the type by the policy, which has history. If key isn't empty, the event is
	// appended only if no other one of the stream had that key within the last five minutes. Append keeps neither typ nor d.
	Append(p *Policy, typ []byte, d Draft, key string) (event.Position, Outcome, error)
	// Read fills the page with what is kept behind a position. Whatever the page had before must have been released.
	Read(typ string, q Query, page *Page) error
	// Tops appends to dst the position of the newest event of each type's stream.
	Tops(dst []event.Position, types ...string) ([]event.Position, error)
	// Remove drops what is kept of the type's stream. Its epoch and its offsets go on, and so do keys.
	Remove(typ string) error
}

// Query says which part of a stream to read.
type Query struct {
	// After is the offset of the last event ahead of the page.
	After uint64
	// Events is how many the page may have. With 0 it says of the stream what it can, and has none.
	Events int
	// Bytes is how much memory its events may take; 0 for any. A page that may have events has one at least, if there is one.
	Bytes int
}

// Page is what was read of a stream at one moment. The zero value is an empty one. It belongs to the caller.
type Page struct {
	// Epoch is that of the stream.
	Epoch string
	// Top is the offset of the newest event of the stream, kept or not.
	Top uint64
	// Kept says that the stream has all events from this offset on. It is Top+1 if the newest one is not kept.
	Kept uint64
	// Missing is how many events behind Query.After are not there any more; -1 if nobody knows.
	Missing int64
	// From and To are the first and the last offset of the range that the missing ones lie in, both 0 if none is missing. The range
	// ends ahead of Kept. So the page that follows one that ends within the range has the rest of it: who tells of gaps tells of the
	// first one alone.
	From, To uint64
	// Survivors is how many events from From to To are there all the same, because each is the newest of its id, or because only others are gone.
	Survivors int
	// Entries are the events, in order.
	Entries []Entry
}

// Entry is an event that was read.
type Entry struct {
	// Offset is that of the event.
	Offset uint64
	// Frame is the event. The page has a reference, which is the caller's.
	Frame Frame
	// Superseded says that a newer event of the same id is there. Only streams know whose policy has Latest or LatestPerID. All
	// events without an id count as of one.
	Superseded bool
}

// Release gives the frames back and empties the page. It keeps the slice for the next read.
func (p *Page) Release() {
	for i := range p.Entries {
		p.Entries[i].Frame.Release()
	}
	clear(p.Entries)
	*p = Page{Entries: p.Entries[:0]}
}
