package broker

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestMessageIsReadAsItWasWritten(t *testing.T) {
	want := Header{Origin: 1<<63 + 7, Sequence: 3, OfType: 2, OfID: 1, At: time.UnixMilli(1764150000123)}
	body := []byte(`{"type":"price"}`)
	message := Seal(append(AppendHeader(nil, want), body...))
	if len(message) != HeaderBytes+len(body) {
		t.Errorf("got a message of %d bytes, want %d", len(message), HeaderBytes+len(body))
	}
	got, rest, err := ParseMessage(message)
	if err != nil || !got.At.Equal(want.At) || !bytes.Equal(rest, body) {
		t.Fatalf("got %+v, %q, %v, want %+v, %q", got, rest, err, want, body)
	}
	got.At = want.At
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestGarbageIsToldFromAnotherVersion(t *testing.T) {
	good := Seal(AppendHeader(nil, Header{}))
	newer := bytes.Clone(good)
	newer[2] = Version + 1
	for name, c := range map[string]struct {
		message []byte
		want    error
	}{
		"nothing":             {nil, ErrGarbage},
		"half of a header":    {good[:HeaderBytes-1], ErrGarbage},
		"an envelope":         {[]byte(`{"type":"price","payload":1}`), ErrGarbage},
		"a newer version":     {newer, ErrVersion},
		"a short newer one":   {newer[:4], ErrVersion},
		"a header, no body":   {good, nil},
		"one letter is wrong": {append([]byte("sx"), good[2:]...), ErrGarbage},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := ParseMessage(c.message); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
	if _, _, err := ParseMessage(newer); err == nil || !strings.Contains(err.Error(), "same release") {
		t.Errorf("got %v, want it to say what to do", err)
	}
}

func FuzzParseMessage(f *testing.F) {
	f.Add(Seal(AppendHeader(nil, Header{Origin: 1, Sequence: 2, At: time.UnixMilli(3)})))
	f.Add([]byte("sh"))
	f.Fuzz(func(t *testing.T, message []byte) {
		h, body, err := ParseMessage(message)
		if err != nil {
			return
		}
		again := Seal(append(AppendHeader(nil, h), body...))
		again[3] = message[3]
		if !bytes.Equal(again, message) {
			t.Errorf("got % x, want % x", again, message)
		}
	})
}
