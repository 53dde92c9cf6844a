package swarm

import (
	"encoding/binary"
	"math/bits"
)

const hexDigits = "0123456789abcdef"

// appendHex appends v as digits lower-case hexadecimal digits.
func appendHex(dst []byte, v uint64, digits int) []byte {
	for shift := (digits - 1) * 4; shift >= 0; shift -= 4 {
		dst = append(dst, hexDigits[v>>shift&15])
	}
	return dst
}

// hex32 reads eight lower-case hexadecimal digits, all at once. It doesn't check them.
func hex32(view []byte) uint32 {
	x := binary.LittleEndian.Uint64(view)
	x = x&0x0f0f0f0f0f0f0f0f + 9*(x>>6&0x0101010101010101)
	x = bits.ReverseBytes64(x)
	x = (x | x>>4) & 0x00ff00ff00ff00ff
	x = (x | x>>8) & 0x0000ffff0000ffff
	return uint32(x | x>>16)
}

// hex64 reads sixteen.
func hex64(view []byte) uint64 {
	return uint64(hex32(view))<<32 | uint64(hex32(view[8:]))
}
