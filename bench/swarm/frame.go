package swarm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// handshakeAccept answers handshakeKey, by RFC 6455, section 4.2.2.
const (
	handshakeKey    = "c3Bva2VodWIgc3dhcm0hIQ=="
	handshakeAccept = "3ZBtb4eEvGgbTObECu3+ttwRkW8="
)

const (
	opContinuation = 0
	opText         = 1
	opBinary       = 2
	opClose        = 8
	opPing         = 9
	opPong         = 10
)

const (
	finBit     = 0x80
	maskBit    = 0x80
	maxFrame   = 64 << 20
	frameMask  = 0x5a17c3e9
	maxHeader  = 14
	length16   = 126
	length64   = 127
	controlMax = 125
)

var errFrame = errors.New("swarm: the server sent a frame that breaks RFC 6455")

// Handshake is the request of a client.
func Handshake(path, host string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n", path, host, handshakeKey)
}

// upgraded parses the answer to the handshake. It returns the length of its head, 0 while it is incomplete.
func upgraded(view []byte) (head int, err error) {
	end := bytes.Index(view, []byte("\r\n\r\n"))
	if end < 0 {
		return 0, nil
	}
	if !bytes.HasPrefix(view, []byte("HTTP/1.1 101")) || !bytes.Contains(view[:end], []byte(handshakeAccept)) {
		line, _, _ := bytes.Cut(view, []byte("\r\n"))
		return 0, fmt.Errorf("the server answered %q to the handshake", line)
	}
	return end + 4, nil
}

// frame is the header of a frame from the server: its whole length is head plus size.
type frame struct {
	op   byte
	fin  bool
	head int
	size int
}

// parseFrame reads the header of a frame a server sent (RFC 6455, section 5.2). ok is false while the header is incomplete. It
// refuses what a server must not send: a mask, reserved bits, a length not in its shortest form, a long or split control frame.
func parseFrame(view []byte) (f frame, ok bool, err error) {
	if len(view) < 2 {
		return frame{}, false, nil
	}
	first, second := view[0], view[1]
	f = frame{op: first & 15, fin: first&finBit != 0, head: 2, size: int(second &^ maskBit)}
	if second&maskBit != 0 || first&0x70 != 0 || !knownOp(f.op) {
		return frame{}, false, errFrame
	}
	switch f.size {
	case length16:
		if len(view) < 4 {
			return frame{}, false, nil
		}
		f.head, f.size = 4, int(binary.BigEndian.Uint16(view[2:]))
		if f.size < length16 {
			return frame{}, false, errFrame
		}
	case length64:
		if len(view) < 10 {
			return frame{}, false, nil
		}
		long := binary.BigEndian.Uint64(view[2:])
		if long <= 0xffff || long > maxFrame {
			return frame{}, false, errFrame
		}
		f.head, f.size = 10, int(long)
	}
	if f.op >= opClose && (!f.fin || f.size > controlMax) {
		return frame{}, false, errFrame
	}
	return f, true, nil
}

func knownOp(op byte) bool {
	return op <= opBinary || op >= opClose && op <= opPong
}

// openFrame appends the header of a masked frame whose payload of size bytes is appended next, and masked by sealFrame.
func openFrame(dst []byte, op byte, size int) []byte {
	dst = append(dst, finBit|op)
	switch {
	case size < length16:
		dst = append(dst, maskBit|byte(size))
	case size <= 0xffff:
		dst = binary.BigEndian.AppendUint16(append(dst, maskBit|length16), uint16(size))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, maskBit|length64), uint64(size))
	}
	return binary.LittleEndian.AppendUint32(dst, frameMask)
}

// sealFrame masks the last size bytes in place.
func sealFrame(dst []byte, size int) []byte {
	const wide = frameMask | frameMask<<32
	payload := dst[len(dst)-size:]
	for len(payload) >= 8 {
		binary.LittleEndian.PutUint64(payload, binary.LittleEndian.Uint64(payload)^wide)
		payload = payload[8:]
	}
	for i := range payload {
		payload[i] ^= byte(uint32(frameMask) >> (8 * (i & 3)))
	}
	return dst
}

// appendFrame appends a whole masked frame.
func appendFrame(dst []byte, op byte, payload []byte) []byte {
	dst = openFrame(dst, op, len(payload))
	return sealFrame(append(dst, payload...), len(payload))
}
