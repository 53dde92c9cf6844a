package broker

import (
	"context"
	"errors"
	"fmt"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/stream"
)

var (
	// ErrUnavailable says that the engine can't be reached, or does not take what it was given. What wraps it says why.
	ErrUnavailable = errors.New("the broker is not available")
	// ErrRefused says that the engine is there and its servers refuse what it needs. It is ErrUnavailable, too. What wraps it says what to do.
	ErrRefused = fmt.Errorf("%w: it refuses what the hub needs", ErrUnavailable)
	// ErrTooLong says that a message is longer than the engine takes.
	ErrTooLong = errors.New("longer than the broker takes")
	// ErrClosed says that the broker was closed.
	ErrClosed = errors.New("the broker is closed")
)

// Broker is an engine that connects hubs. One hub uses it: it calls Start once, ahead of all else, and Close at the end. Other methods any
// goroutine may call.
type Broker interface {
	// Start begins to connect and returns at once; Sink.Up says when that has succeeded. It goes on trying, without an end. The error is that of
	// a configuration which can't work.
	Start(s Sink) error
	// Subscribe subscribes to keys and returns when all are in force. Those that are already stay so. If it returns an error, or the engine is away, the keys are
	// subscribed to nevertheless as soon as that is possible, which Sink.Lost tells. ErrRefused says that one of them is not in force although the engine is up, and that it takes an
	// operator to change that.
	Subscribe(ctx context.Context, keys ...Key) error
	// Unsubscribe ends subscriptions. It need not be in force when it returns.
	Unsubscribe(ctx context.Context, keys ...Key) error
	// Publish hands messages of the kinds Plain and Control to the engine, in order, and returns when they are on their way. It does not keep
	// them. After an error those that are not are lost. ErrTooLong says that all are on their way but those which are longer than Longest.
	Publish(ctx context.Context, messages []Message) error
	// Longest is the length in bytes of the longest message that Publish takes, its header included; 0 as long as that is not known. A server may change it.
	// It does not wait.
	Longest() int
	// Append appends events to their streams, those of one type in order, and returns when the fate of each is known, and set. It keeps none, and no
	// message.
	Append(ctx context.Context, events []*Append)
	// Read reads a page of a stream.
	Read(ctx context.Context, q Query) (Page, error)
	// Tops appends to dst the position of the newest event of each type's stream, with offset 0 where there is none.
	Tops(ctx context.Context, dst []event.Position, types ...string) ([]event.Position, error)
	// Reconnect has the engine give up its connections, which look healthy and are not, and make new ones.
	Reconnect(reason string)
	// Close ends all, and waits until nothing of it runs. It calls nothing of the sink afterwards.
	Close() error
}

// Sink is what an engine tells the hub. The engine calls Deliver in the order of messages, and may call it for several keys at once. No
// method blocks for long, and none may be called under a lock that a method of the broker takes.
type Sink interface {
	// Deliver hands over a message that has come. Its bytes are borrowed until it returns.
	Deliver(d Delivery)
	// Up says that the engine is there, for the first time or again.
	Up()
	// Down says that it is not there any more, or can't be reached at first, and why. It may be called again with another reason.
	Down(err error)
	// Lost says that messages may have been lost, of whatever key. It is called when the connection is up again, so that what was lost of streams can be
	// read: after Up, and after an overflow within the client library.
	Lost(reason string)
}

// Message is one to publish.
type Message struct {
	// Key is what it is published to.
	Key Key
	// Data is the message, with its header.
	Data []byte
}

// Delivery is a message that has come.
type Delivery struct {
	// Kind is that of its key.
	Kind Kind
	// ByID says that a plain event came by a subscription to a key with an id, not by one to the type.
	ByID bool
	// Name is the type of the key of a control message, and empty for others: events say their type themselves.
	Name string
	// Position is where an event of a stream is. The epoch is the one that the engine has known last.
	Position event.Position
	// Data is the message, with its header.
	Data []byte
}

// Append is an event to append to the stream of its type, and what has become of it.
type Append struct {
	// Policy is that of the type.
	Policy *stream.Policy
	// Type and ID are those of the event. An engine may keep them, and Key.
	Type, ID string
	// Key is its idempotency key: of the events of a stream with the same one, within five minutes, only the first is appended. Empty for none.
	Key string
	// Data is the message, with its header.
	Data []byte

	// Position is where the event is, or where the first one with its key is if it was Repeated.
	Position event.Position
	// Repeated says that the stream had an event with the key already.
	Repeated bool
	// Err is why it was not appended, as far as is known: ErrUnavailable, ErrTooLong, ErrClosed, or that of the context, each wrapped. Unless it is ErrTooLong it may have
	// been appended all the same.
	Err error
}

// Query says which part of a stream to read.
type Query struct {
	// Policy is that of the type.
	Policy *stream.Policy
	// Type is the type of the stream.
	Type string
	// After is the offset of the last event ahead of the page.
	After uint64
	// Events is how many it may have, at least 1. A page may have fewer, and has one at least if there is one.
	Events int
	// Survivors asks, in place of the events that are kept in a row, for those ahead of Page.First which are kept because each is the newest of its id
	// (stream.History.LatestPerID).
	Survivors bool
}

// Page is what was read of a stream.
type Page struct {
	// Epoch is that of the stream.
	Epoch string
	// First is the offset from which on all events are kept, Top that of the newest one, kept or not. First is Top+1 if none is kept.
	First, Top uint64
	// Entries are the events, in order. The page ends the row if it has none. Events may be gone from within the row, by other means than hubs have:
	// then an engine leaves out their offsets, or gives a page that ends ahead of them, and for a query from there on one whose First lies behind them.
	Entries []Entry
}

// Entry is an event of a page.
type Entry struct {
	// Offset is that of the event.
	Offset uint64
	// Data is the message, with its header. It belongs to the caller.
	Data []byte
}
