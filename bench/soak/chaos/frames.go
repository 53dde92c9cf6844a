//go:build linux

package main

import (
	"encoding/binary"
	"fmt"
)

const (
	opText  = 1
	opClose = 8

	finBit       = 0x80
	maskBit      = 0x80
	lengthBits   = 0x7f
	shortHead    = 2
	maskLength   = 4
	longestFrame = 4 << 20
)

// frame is one whole frame that passed by. Its payload is unmasked, and valid until the next call of the scanner.
type frame struct {
	op      byte
	fin     bool
	payload []byte
}

// scanner finds the frames in one direction of a line, however they are cut into pieces. The goroutine that passes the bytes on owns it.
type scanner struct {
	// pending is the beginning of a frame.
	pending []byte
}

// atBoundary tells whether what has been fed ends with a whole frame.
func (s *scanner) atBoundary() bool { return len(s.pending) == 0 }

// feed takes the next bytes and calls found for each frame that they complete, with the offset behind it.
func (s *scanner) feed(piece []byte, found func(f frame, end int)) error {
	before := len(s.pending)
	s.pending = append(s.pending, piece...)
	at := 0
	for {
		f, size, err := parseFrame(s.pending[at:])
		if err != nil {
			return err
		}
		if size == 0 {
			break
		}
		at += size
		found(f, at-before)
	}
	s.pending = append(s.pending[:0], s.pending[at:]...)
	return nil
}

// parseFrame reads the frame at the start of view; size is 0 if it is not whole. It unmasks in place.
func parseFrame(view []byte) (f frame, size int, err error) {
	if len(view) < shortHead {
		return f, 0, nil
	}
	f.op, f.fin = view[0]&0x0f, view[0]&finBit != 0
	length, head := uint64(view[1]&lengthBits), shortHead
	switch length {
	case 126:
		head += 2
	case 127:
		head += 8
	}
	masked := view[1]&maskBit != 0
	if masked {
		head += maskLength
	}
	if len(view) < head {
		return f, 0, nil
	}
	switch length {
	case 126:
		length = uint64(binary.BigEndian.Uint16(view[2:]))
	case 127:
		length = binary.BigEndian.Uint64(view[2:])
	}
	if length > longestFrame {
		return f, 0, fmt.Errorf("a frame of %d bytes passed by: more than %d were not expected here", length, longestFrame)
	}
	size = head + int(length)
	if len(view) < size {
		return f, 0, nil
	}
	f.payload = view[head:size]
	if masked {
		key := view[head-maskLength : head]
		unmasked := make([]byte, len(f.payload))
		for i, b := range f.payload {
			unmasked[i] = b ^ key[i%maskLength]
		}
		f.payload = unmasked
	}
	return f, size, nil
}

// closeFrame is a close as a hub sends it.
func closeFrame(code uint16, reason string) []byte {
	frame := append([]byte{finBit | opClose, byte(2 + len(reason))}, byte(code>>8), byte(code))
	return append(frame, reason...)
}
