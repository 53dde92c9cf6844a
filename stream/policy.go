package stream

import "time"

// Policy says what a hub does for the types that it covers. Of several the first that covers a type holds.
type Policy struct {
	// Match is a type, or how types begin with "*" behind it; "*" is every type.
	Match string
	// History says how much is kept. The zero value keeps nothing: the types have no stream.
	History History
	// Behind says what a spoke costs that does not keep up.
	Behind Behind
	// Presence lets spokes ask who is subscribed to a topic, and be told of changes.
	Presence bool
	// Interest says how a hub among several asks the others for events.
	Interest Interest
}

// History says how much of a stream is kept: what exceeds one of the bounds is trimmed, the oldest first.
type History struct {
	// Events is how many are kept; 0 for as many as the other bounds allow.
	Events int
	// Bytes is how much memory the events may take that are kept. 0 is DefaultBytes.
	Bytes int64
	// Age is how old they get; 0 for any age.
	Age time.Duration
	// LatestPerID keeps the newest event of each id, whatever Events and Age say, as long as Bytes allows.
	LatestPerID bool
}

// DefaultBytes is History.Bytes where that is 0.
const DefaultBytes = 16 << 20

// IsZero says whether nothing is kept.
func (h History) IsZero() bool { return h == History{} }

// Behind says what happens to a spoke that does not keep up with a type.
type Behind uint8

const (
	// Close closes it with 1013.
	Close Behind = iota
	// CatchUp remembers where it stopped, and sends what it missed from the stream once its socket has room.
	CatchUp
	// Latest is CatchUp with the newest event of each id alone.
	Latest
	// Skip drops what it can't take, and tells it how many events those were. It is for types without a stream.
	Skip
)

// Interest says what a hub asks the other hubs of a cluster for.
type Interest uint8

const (
	// ByType asks for all events of a type.
	ByType Interest = iota
	// ByID asks for the ids that somebody is subscribed to, however many: for types with very many ids, such as one for each user.
	ByID
	// Auto asks for the ids that somebody is subscribed to, and for all events of the type once they are more than 4,096, or somebody is subscribed to the type: for
	// types with many ids of which some hubs want few.
	Auto
)

// AskedBy is how hubs ask each other for the types that the policy covers: by Interest, but ByType where there is history, and with the nil policy, of types that no
// policy covers.
func (p *Policy) AskedBy() Interest {
	if p == nil || !p.History.IsZero() {
		return ByType
	}
	return p.Interest
}
