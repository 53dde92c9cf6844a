//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
)

// makeFrame makes a frame of text, masked or not.
func makeFrame(payload []byte, masked bool) []byte {
	made := []byte{finBit | opText}
	mask := byte(0)
	if masked {
		mask = maskBit
	}
	switch {
	case len(payload) < 126:
		made = append(made, mask|byte(len(payload)))
	case len(payload) < 1<<16:
		made = binary.BigEndian.AppendUint16(append(made, mask|126), uint16(len(payload)))
	default:
		made = binary.BigEndian.AppendUint64(append(made, mask|127), uint64(len(payload)))
	}
	if !masked {
		return append(made, payload...)
	}
	key := []byte{1, 2, 3, 4}
	made = append(made, key...)
	for i, b := range payload {
		made = append(made, b^key[i%len(key)])
	}
	return made
}

func TestFramesAreFoundHoweverTheyAreCut(t *testing.T) {
	payloads := [][]byte{[]byte("a"), {}, bytes.Repeat([]byte("b"), 125), bytes.Repeat([]byte("c"), 126), bytes.Repeat([]byte("d"), 1<<16)}
	for _, masked := range []bool{false, true} {
		var all []byte
		var ends []int
		for _, payload := range payloads {
			all = append(all, makeFrame(payload, masked)...)
			ends = append(ends, len(all))
		}
		for _, size := range []int{1, 2, 3, 7, 1000, len(all)} {
			t.Run(fmt.Sprintf("masked=%v/size=%d", masked, size), func(t *testing.T) {
				var s scanner
				var got [][]byte
				var gotEnds []int
				for at := 0; at < len(all); at += size {
					err := s.feed(all[at:min(at+size, len(all))], func(f frame, end int) {
						got, gotEnds = append(got, bytes.Clone(f.payload)), append(gotEnds, at+end)
					})
					if err != nil {
						t.Fatal(err)
					}
				}
				if !slices.EqualFunc(got, payloads, bytes.Equal) || !slices.Equal(gotEnds, ends) || !s.atBoundary() {
					t.Errorf("got %d frames with the ends %v, at a boundary %v, want %d and %v", len(got), gotEnds, s.atBoundary(), len(payloads), ends)
				}
			})
		}
	}
}

func TestAnEndlessFrameIsAnError(t *testing.T) {
	var s scanner
	head := binary.BigEndian.AppendUint64([]byte{finBit | opText, 127}, 1<<40)
	if err := s.feed(head, func(frame, int) {}); err == nil {
		t.Error("got no error for a frame of a terabyte, want one")
	}
}
