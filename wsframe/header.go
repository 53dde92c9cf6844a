package wsframe

import "encoding/binary"

// The lengths of the shortest and the longest header of a client's frame, in bytes.
const (
	minClientHeader = 6
	maxClientHeader = 14
)

// header is the header of a client's frame.
type header struct {
	op   Opcode
	fin  bool
	mask [4]byte
	// length is that of the payload, in bytes.
	length int64
}

// parseHeader reads the header of a client's frame from the start of view. It returns the header's size, or 0 if bytes are
// missing. It checks whatever doesn't depend on earlier frames, in the order of the bytes, and returns a violation at the
// first byte that shows it. So no split of the input changes the result (RFC 6455 sections 5.1, 5.2, 5.5).
func parseHeader(view []byte) (h header, size int, violation *Close) {
	if len(view) == 0 {
		return h, 0, nil
	}
	h.op, h.fin = Opcode(view[0]&opBits), view[0]&finBit != 0
	switch {
	case view[0]&rsvBits != 0:
		return h, 0, closeReservedBits
	case h.op > Pong || h.op > Binary && h.op < CloseOp:
		return h, 0, closeReservedOpcode
	case h.op.IsControl() && !h.fin:
		return h, 0, closeFragmentedControl
	}
	if len(view) < 2 {
		return h, 0, nil
	}
	h.length = int64(view[1] &^ maskBit)
	switch {
	case view[1]&maskBit == 0:
		return h, 0, closeUnmasked
	case h.op.IsControl() && h.length > MaxControl:
		return h, 0, closeLongControl
	}
	at := 2
	switch {
	case h.length == length16 && len(view) < 4, h.length == length64 && len(view) < 10:
		return h, 0, nil
	case h.length == length16:
		at, h.length = 4, int64(binary.BigEndian.Uint16(view[2:]))
		if h.length < length16 {
			return h, 0, closeLongLength
		}
	case h.length == length64:
		at, h.length = 10, int64(binary.BigEndian.Uint64(view[2:]))
		switch {
		case h.length < 0:
			return h, 0, closeHugeLength
		case h.length <= 0xFFFF:
			return h, 0, closeLongLength
		}
	}
	if len(view) < at+4 {
		return h, 0, nil
	}
	h.mask = [4]byte(view[at:])
	return h, at + 4, nil
}
