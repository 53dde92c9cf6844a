package swarm

import (
	"encoding/json"
	"fmt"
	"testing"
)

func TestAnEnvelope(t *testing.T) {
	for name, c := range map[string]struct {
		tick tick
		size int
		kind string
		id   string
	}{
		"of the common topic has the type alone": {tick{0, 7, 1}, 128, "tick", ""},
		"of a room has an id":                    {tick{0xabc, 0xffffffff, 1 << 60}, 128, "room", "00000abc"},
		"may be long":                            {tick{1, 2, 3}, 1024, "room", "00000001"},
		"may be as short as its stamp":           {tick{1, 2, 3}, MinPayload, "room", "00000001"},
	} {
		t.Run(name, func(t *testing.T) {
			got := appendEnvelope(nil, c.tick, c.size)
			if len(got) != c.size {
				t.Errorf("got %d bytes, want %d", len(got), c.size)
			}
			var envelope struct {
				Type, ID string
				Payload  map[string]string
			}
			if err := json.Unmarshal(got, &envelope); err != nil {
				t.Fatalf("got %s: %v", got, err)
			}
			if envelope.Type != c.kind || envelope.ID != c.id {
				t.Errorf("got type %q and id %q, want %q and %q", envelope.Type, envelope.ID, c.kind, c.id)
			}
			off := findStamp(got)
			if off < 0 || stamp(got, off) != c.tick {
				t.Errorf("got stamp at %d in %s, want %+v", off, got, c.tick)
			}
		})
	}
}

func TestFindStampFindsNone(t *testing.T) {
	for name, view := range map[string]string{
		"in nothing":           "",
		"in an answer":         `{"type":"__ack","id":"s","payload":{"topics":["tick"]}}`,
		"in a cut-off payload": string(appendEnvelope(nil, tick{}, 128)[:60]),
	} {
		t.Run(name, func(t *testing.T) {
			if got := findStamp([]byte(view)); got >= 0 {
				t.Errorf("got a stamp at %d, want none", got)
			}
		})
	}
}

func TestHexReadsWhatItWrites(t *testing.T) {
	for _, v := range []uint64{0, 1, 9, 10, 15, 0x0123456789abcdef, 0xfedcba9876543210, ^uint64(0)} {
		t.Run(fmt.Sprintf("%x", v), func(t *testing.T) {
			if got := hex64(appendHex(nil, v, 16)); got != v {
				t.Errorf("got %x, want %x", got, v)
			}
		})
	}
}

func TestEventsSpreadOverTopicsInTurn(t *testing.T) {
	for name, c := range map[string]struct {
		published     uint64
		topics, index int
		want          uint32
	}{
		"all to a lone topic":            {10, 1, 0, 10},
		"evenly":                         {10, 5, 4, 2},
		"the first ones get one more":    {11, 5, 0, 3},
		"the last ones don't":            {11, 5, 1, 2},
		"none to those not yet reached":  {3, 5, 3, 0},
		"one to those that were reached": {3, 5, 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := topicSent(c.published, c.topics, c.index); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}
