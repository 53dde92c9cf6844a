package nats

import (
	"bytes"
	"encoding/json"
)

// ack is JetStream's answer to an append.
type ack struct {
	Offset   uint64    `json:"seq"`
	Repeated bool      `json:"duplicate"`
	Error    *apiError `json:"error"`
}

var (
	ackOffset = []byte(`"seq":`)
	ackError  = []byte(`"error"`)
	ackRepeat = []byte(`"duplicate"`)
)

// parseAck reads an answer. The usual ones, of an event that was appended, are read without the JSON package: there is one for each event.
func parseAck(data []byte) (ack, error) {
	if offset, ok := plainAck(data); ok {
		return ack{Offset: offset}, nil
	}
	var a ack
	if err := json.Unmarshal(data, &a); err != nil {
		return a, unavailable("JetStream's answer can't be read: %w", err)
	}
	if a.Error != nil {
		return a, unavailable("%w", a.Error)
	}
	if a.Offset == 0 {
		return a, unavailable("JetStream's answer has no sequence: %.100q", data)
	}
	return a, nil
}

// plainAck is the offset of an answer that says nothing special.
func plainAck(data []byte) (offset uint64, ok bool) {
	_, rest, found := bytes.Cut(data, ackOffset)
	if !found || bytes.Contains(data, ackError) || bytes.Contains(data, ackRepeat) {
		return 0, false
	}
	rest = bytes.TrimLeft(rest, " ")
	for i, c := range rest {
		if c < '0' || c > '9' || i > 18 {
			return offset, i > 0 && i <= 18 && offset > 0
		}
		offset = offset*10 + uint64(c-'0')
	}
	return 0, false
}
