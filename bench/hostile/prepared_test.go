//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"github.com/spokehub/spokehub/event"
)

var testPlace = place{Address: "127.0.0.1:1", Path: "/ws", Admin: "http://127.0.0.1:2", Message: 1 << 20, Hub: true}

// unmasked reads frames until the bytes end, and reports whether they end within one.
func unmasked(t *testing.T, view []byte) (frames []ws.Frame, torn bool) {
	t.Helper()
	for r := bytes.NewReader(view); ; {
		f, err := ws.ReadFrame(r)
		switch {
		case errors.Is(err, io.EOF):
			return frames, false
		case errors.Is(err, io.ErrUnexpectedEOF):
			return frames, true
		case err != nil:
			t.Fatal(err)
		}
		if !f.Header.Masked {
			t.Fatalf("got the frame %+v without a mask, want one", f.Header)
		}
		f = ws.UnmaskFrameInPlace(f)
		f.Header.Masked = true
		frames = append(frames, f)
	}
}

func TestPreparedFramesAreWhatRFC6455Allows(t *testing.T) {
	for _, list := range [][]attack{frameAttacks, controlAttacks, nameAttacks, relayAttacks} {
		for _, a := range list {
			if a.prepare == nil {
				continue
			}
			t.Run(a.name, func(t *testing.T) {
				frames, torn := unmasked(t, a.prepare(testPlace))
				if torn || len(frames) == 0 {
					t.Fatalf("got %d frames, torn %v, want whole ones", len(frames), torn)
				}
				for _, f := range frames {
					if err := ws.CheckHeader(f.Header, ws.StateServerSide|ws.StateFragmented); f.Header.OpCode.IsControl() && err != nil {
						t.Errorf("got %v for %+v, want none", err, f.Header)
					}
					if f.Header.Length > int64(testPlace.Message) {
						t.Errorf("got a frame of %d bytes, want at most %d", f.Header.Length, testPlace.Message)
					}
				}
			})
		}
	}
}

// wantMalformed are the attacks whose messages are not envelopes.
var wantMalformed = map[string]bool{"malformed": true}

func TestMessagesThatAreHardToReadAreEnvelopes(t *testing.T) {
	for _, a := range nameAttacks {
		t.Run(a.name, func(t *testing.T) {
			frames, _ := unmasked(t, a.prepare(testPlace))
			message := frames[0].Payload
			if len(frames) != 1 || len(message) < testPlace.Message*9/10 {
				t.Fatalf("got %d frames, the first of %d bytes, want one that nearly fills %d", len(frames), len(message), testPlace.Message)
			}
			if !json.Valid(message) {
				t.Fatalf("got no JSON: %.60s...%s", message, message[len(message)-20:])
			}
			if _, err := event.Parse(message); (err != nil) != wantMalformed[a.name] {
				t.Errorf("got %v, want malformed %v", err, wantMalformed[a.name])
			}
		})
	}
}

func TestControlEventsNameTopics(t *testing.T) {
	for name, c := range map[string]struct {
		view             []byte
		atLeast, longest int
		valid            bool
	}{
		"as many as fit":     {shortTopics(testPlace), 139000, 1 << 20, true},
		"as long as allowed": {controlsFor("__subscribe", "", longTopics(7), 64<<10), topicsAtMost, 64 << 10, true},
		"of escapes":         {escapedTopics(testPlace), 2 * topicsAtMost, 64 << 10, true},
		"that are bad":       {badTopics(testPlace), 1000, 64 << 10, false},
	} {
		t.Run(name, func(t *testing.T) {
			frames, _ := unmasked(t, c.view)
			total := 0
			for _, f := range frames {
				var message struct {
					Type    string
					Payload struct{ Topics []string }
				}
				if err := json.Unmarshal(f.Payload, &message); err != nil {
					t.Fatal(err)
				}
				if len(f.Payload) > c.longest {
					t.Errorf("got a message of %d bytes, want at most %d", len(f.Payload), c.longest)
				}
				total += len(message.Payload.Topics)
				for _, topic := range message.Payload.Topics {
					if event.ValidTopic([]byte(topic)) != c.valid {
						t.Fatalf("got the topic %q, want valid %v", topic, c.valid)
					}
				}
			}
			if total < c.atLeast {
				t.Errorf("got %d topics, want %d", total, c.atLeast)
			}
		})
	}
}

func TestUnfinishedMessagesLackTheirEnd(t *testing.T) {
	for name, c := range map[string]struct {
		view []byte
		size int
	}{
		"of 64 KiB":        {unfinished(testPlace), 64 << 10},
		"of one frame":     {unfinishedLarge(testPlace), testPlace.Message},
		"with half a ping": {unfinishedPing(testPlace), testPlace.Message},
	} {
		t.Run(name, func(t *testing.T) {
			frames, torn := unmasked(t, c.view)
			if !torn || len(c.view) < c.size || len(c.view) > c.size+100 {
				t.Errorf("got %d bytes, torn %v, want %d that end within a frame", len(c.view), torn, c.size)
			}
			for _, f := range frames {
				if f.Header.Fin {
					t.Errorf("got the end of a message: %+v, want none", f.Header)
				}
			}
		})
	}
}

func TestEventsHaveTheSizeAskedFor(t *testing.T) {
	for _, size := range []int{200, slowEvent, 1 << 16} {
		message := eventTo(crowdTopic, size)
		got, err := event.Parse([]byte(message))
		if err != nil || len(message) != size || got.Type+":"+got.ID != topicName(crowdTopic) {
			t.Errorf("got %d bytes for %s:%s and %v, want %d for %s", len(message), got.Type, got.ID, err, size, topicName(crowdTopic))
		}
	}
}

func TestAnInnocentsEventIsAnEnvelope(t *testing.T) {
	message := eventHead + "17" + eventTail
	if got, err := event.Parse([]byte(message)); err != nil || got.Type != "tick" || strings.Contains(message, "\n") {
		t.Errorf("got the type %q and %v, want tick", got.Type, err)
	}
}
