package target

import (
	"errors"
	"log/slog"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/stream"
)

var (
	// ErrNoStream says that an event has an idempotency key, and its type no stream.
	ErrNoStream = errors.New("the type has no stream: it needs a policy with history")
	// ErrFull says that more waits for the engine than the target keeps. Try again later.
	ErrFull = errors.New("too much waits for the broker")
)

// Config says what a target does. New copies it.
type Config struct {
	// Broker is the engine, which belongs to the target: New starts it and Close closes it.
	Broker broker.Broker
	// Policies say which types have a stream, and of which single ids are asked for. They have to be those of the hubs on the same engine.
	Policies []stream.Policy
	// Logger gets what an operator should know; nil for none.
	Logger *slog.Logger
	// OnLoss is told that listeners may have missed events, in its place among the calls of listeners; nil for nobody. It may call all methods.
	OnLoss func(Loss)
	// OnState is told that the engine has come or gone, in the order of those changes; nil for nobody. It may call all methods.
	OnState func(State)
}

// Loss says what listeners may have missed.
type Loss struct {
	// Type is that of the events, empty for all types without a stream.
	Type string
	// Missed is how many events of a stream are gone, -1 where nobody knows.
	Missed int64
	// Reason says why, for people.
	Reason string
}

// State is how a target and its engine stand.
type State struct {
	// Up says that the engine is there.
	Up bool
	// Reached says that it has been there since the target began.
	Reached bool
	// Since is when it came or went, and at first when the target began.
	Since time.Time
	// Err is why it is not there; nil if it is, or if that is not known yet.
	Err error
}

// Receipt is what Publish tells of an event.
type Receipt struct {
	// Position is where the event is in its stream; the zero value if its type has none.
	Position event.Position
	// Repeated says that the stream had an event with the idempotency key already: Position is that of the first one.
	Repeated bool
}

// PublishOptions are what few events need.
type PublishOptions struct {
	// IdempotencyKey is up to 256 bytes of any text. Of the events of a stream that have the same one within five minutes, only the first is appended. Empty
	// for none.
	IdempotencyKey string
}

// maxKey is the length of the longest idempotency key.
const maxKey = 256
