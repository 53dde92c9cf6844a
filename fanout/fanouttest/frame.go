package fanouttest

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/spokehub/spokehub/wsframe"
)

// The bits of a frame's first two bytes (RFC 6455 section 5.2).
const (
	finBit     = 0x80
	opcodeBits = 0x0F
	maskBit    = 0x80
	length16   = 126
	length64   = 127
)

// maxFrame is the longest frame that a client reads; the hub's longest are shorter.
const maxFrame = 1 << 30

// frame is one frame of the hub.
type frame struct {
	op      wsframe.Opcode
	payload []byte
}

// maskKey masks all frames of clients. Nothing stands between client and hub that a key must be kept from.
var maskKey = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// maskedFrame makes a client's frame.
func maskedFrame(op wsframe.Opcode, payload []byte) []byte {
	out := wsframe.AppendHeader(nil, op, len(payload))
	out[1] |= maskBit
	out = append(out, maskKey[:]...)
	for i, b := range payload {
		out = append(out, b^maskKey[i%len(maskKey)])
	}
	return out
}

// readFrame reads a frame, which the hub never fragments nor masks.
func readFrame(in *bufio.Reader) (frame, error) {
	var head [2]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return frame{}, err
	}
	f := frame{op: wsframe.Opcode(head[0] & opcodeBits)}
	if head[0]&^opcodeBits != finBit || head[1]&maskBit != 0 {
		return frame{}, fmt.Errorf("frame that begins with %08b %08b", head[0], head[1])
	}
	size, err := payloadLength(in, head[1])
	if err != nil {
		return frame{}, err
	}
	if size > maxFrame {
		return frame{}, fmt.Errorf("frame of %d bytes", size)
	}
	f.payload = make([]byte, size)
	_, err = io.ReadFull(in, f.payload)
	return f, err
}

func payloadLength(in io.Reader, short byte) (uint64, error) {
	var long [8]byte
	switch short {
	case length16:
		_, err := io.ReadFull(in, long[6:])
		return binary.BigEndian.Uint64(long[:]), err
	case length64:
		_, err := io.ReadFull(in, long[:])
		return binary.BigEndian.Uint64(long[:]), err
	}
	return uint64(short), nil
}
