package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
)

const (
	continuation = 0x0
	textual      = 0x1
	binaries     = 0x2
	closing      = 0x8
	pinging      = 0x9
	ponging      = 0xA

	fin = 0x80
)

// frame is what a client puts on the wire, right or wrong, and what it reads off it. With announced above the payload's
// length the header promises bytes that rest frames bring later: these have no header and go on in the last mask.
type frame struct {
	first     byte
	payload   string
	announced int
	rest      bool
}

func text(payload string) frame { return frame{first: fin | textual, payload: payload} }
func blob(payload string) frame { return frame{first: fin | binaries, payload: payload} }
func ping(payload string) frame { return frame{first: fin | pinging, payload: payload} }
func pong(payload string) frame { return frame{first: fin | ponging, payload: payload} }

// begin, more and last are the fragments of a message.
func begin(opcode byte, payload string) frame { return frame{first: opcode, payload: payload} }
func more(payload string) frame               { return frame{first: continuation, payload: payload} }
func last(payload string) frame               { return frame{first: fin | continuation, payload: payload} }

// odd is a frame with a first byte that the others can't have.
func odd(first byte, payload string) frame { return frame{first: first, payload: payload} }

func hangUp(code uint16, reason string) frame {
	return frame{first: fin | closing, payload: string(binary.BigEndian.AppendUint16(nil, code)) + reason}
}

// fragments splits a message into frames of size bytes at most.
func fragments(opcode byte, payload string, size int) []frame {
	parts := []frame{begin(opcode, payload[:min(size, len(payload))])}
	for rest := payload[len(parts[0].payload):]; len(rest) > 0; {
		part := rest[:min(size, len(rest))]
		parts = append(parts, more(part))
		rest = rest[len(part):]
	}
	parts[len(parts)-1].first |= fin
	return parts
}

// String shows a frame without flooding the log.
func (f frame) String() string {
	const shown = 40
	if len(f.payload) <= shown {
		return fmt.Sprintf("%#02x %q", f.first, f.payload)
	}
	return fmt.Sprintf("%#02x %q... (%d bytes)", f.first, f.payload[:shown], len(f.payload))
}

// encoder writes client frames. A new mask comes with every header.
type encoder struct {
	random *rand.Rand
	mask   [4]byte
	phase  int
}

func (e *encoder) encode(dst []byte, f frame) []byte {
	if !f.rest {
		binary.LittleEndian.PutUint32(e.mask[:], e.random.Uint32())
		e.phase = 0
		dst = append(dst, f.first)
		switch n := max(f.announced, len(f.payload)); {
		case n <= 125:
			dst = append(dst, 0x80|byte(n))
		case n <= 0xFFFF:
			dst = binary.BigEndian.AppendUint16(append(dst, 0x80|126), uint16(n))
		default:
			dst = binary.BigEndian.AppendUint64(append(dst, 0x80|127), uint64(n))
		}
		dst = append(dst, e.mask[:]...)
	}
	at := len(dst)
	dst = append(dst, f.payload...)
	for i := range dst[at:] {
		dst[at+i] ^= e.mask[(e.phase+i)%4]
	}
	e.phase += len(f.payload)
	return dst
}

// readFrame reads a server's frame. The error is io.EOF only where the stream ends between two frames.
func readFrame(r io.Reader) (frame, error) {
	var head [2]byte
	if n, err := io.ReadFull(r, head[:]); err != nil {
		if n > 0 {
			return frame{}, fmt.Errorf("cut header: %w", io.ErrUnexpectedEOF)
		}
		return frame{}, err
	}
	size := uint64(head[1])
	least := uint64(0)
	switch head[1] {
	case 126:
		var wide [2]byte
		if _, err := io.ReadFull(r, wide[:]); err != nil {
			return frame{}, fmt.Errorf("cut length: %w", io.ErrUnexpectedEOF)
		}
		size, least = uint64(binary.BigEndian.Uint16(wide[:])), 126
	case 127:
		var wide [8]byte
		if _, err := io.ReadFull(r, wide[:]); err != nil {
			return frame{}, fmt.Errorf("cut length: %w", io.ErrUnexpectedEOF)
		}
		size, least = binary.BigEndian.Uint64(wide[:]), 1<<16
	}
	switch {
	case head[1]&0x80 != 0:
		return frame{}, errors.New("masked server frame")
	case size < least || size > 1<<30:
		return frame{}, fmt.Errorf("length %d written as %d", size, head[1])
	}
	payload := make([]byte, size)
	if _, err := io.ReadFull(r, payload); err != nil {
		return frame{}, fmt.Errorf("payload of %d cut: %w", size, io.ErrUnexpectedEOF)
	}
	return frame{first: head[0], payload: string(payload)}, nil
}
