package broker

// Kind says what a key is for.
type Kind uint8

const (
	// Plain is for events of types without a stream. The key of a message has the type, and also the id where hubs may ask for single ids
	// (stream.Policy.AskedBy). A message whose key has an id reaches those who have subscribed to the key with the id, and those who have
	// subscribed to the key of the type without one; who has both may get it twice.
	Plain Kind = iota
	// Stream is for events of types with a stream, by type.
	Stream
	// Control is for what hubs tell each other. Type is a name of letters, digits, "-" and "_".
	Control
)

// Key is what a hub subscribes to. It is a type, or a type and an id, each of any text that an event may have (see event.Event.Validate).
type Key struct {
	// Kind says what the key is for.
	Kind Kind
	// Type is the type of events, or the name of a control channel.
	Type string
	// ID is the id of events, empty for all ids. Only keys of plain events have one.
	ID string
}

// String returns the key as people read it, such as "plain price:EURUSD".
func (k Key) String() string {
	text := k.Type
	if k.ID != "" {
		text += ":" + k.ID
	}
	switch k.Kind {
	case Plain:
		return "plain " + text
	case Stream:
		return "stream " + text
	default:
		return "control " + text
	}
}
