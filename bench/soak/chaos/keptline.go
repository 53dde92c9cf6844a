//go:build linux

package main

import "github.com/spokehub/spokehub/event"

// keptLine is what the ledger knows of streams on one line. Its lock guards it.
//
// K1: the events of a stream pass in the order of their offsets, each once, and behind the ack that has its position.
type keptLine struct {
	// since are the positions from which the client has asked for topics.
	since map[string]event.Position
	// parts are those of the types of which the hub has given a position.
	parts map[string]*keptPart
}

// keptPart is one stream on a line.
type keptPart struct {
	streamKey
	// last is the offset of the last event that passed, replayTo that up to which the hub sends again what it has kept.
	last, replayTo uint64
}

// answer is what an ack says of a topic of a stream.
type answer struct {
	Epoch  string       `json:"epoch"`
	Offset uint64       `json:"offset"`
	Result event.Result `json:"result"`
	Missed *int64       `json:"missed"`
}

func (a answer) position() event.Position { return event.Position{Epoch: a.Epoch, Offset: a.Offset} }

// asked notes from where the client asks for a topic.
func (k *keptLine) asked(topic string, since event.Position) {
	if k.since == nil {
		k.since = map[string]event.Position{}
	}
	k.since[topic] = since
}

// answered notes the position that the hub gives to a type, and up to where events come that it has kept.
func (k *keptLine) answered(kind string, a answer) {
	if k.parts == nil {
		k.parts = map[string]*keptPart{}
	}
	part := k.parts[kind]
	if part == nil {
		part = &keptPart{streamKey: streamKey{a.Epoch, kind}}
		k.parts[kind] = part
	}
	if a.Result != event.Fresh {
		part.replayTo = max(part.replayTo, a.Offset)
	}
}
