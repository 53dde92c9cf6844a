package swarm

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// tick is what an envelope carries: the number of its topic, its sequence number within that topic, and the time at which
// its sending was scheduled, in nanoseconds of CLOCK_MONOTONIC.
type tick struct {
	topic uint32
	seq   uint32
	at    int64
}

const (
	stampMark   = `{"k":"`
	stampTopic  = len(stampMark)
	stampSeq    = stampTopic + 8 + len(`","s":"`)
	stampAt     = stampSeq + 8 + len(`","t":"`)
	stampHead   = stampAt + 16 + len(`","p":"`)
	stampLength = stampHead + len(`"}`)
	// MinPayload is the smallest envelope in bytes: shorter ones have no room for the stamp.
	MinPayload = len(`{"type":"room","id":"00000000","payload":`) + stampLength + 1
)

// appendTopic appends the name of a topic: topic 0 is "tick", the others are rooms of their own.
func appendTopic(dst []byte, topic uint32) []byte {
	if topic == 0 {
		return append(dst, "tick"...)
	}
	return appendHex(append(dst, "room:"...), uint64(topic), 8)
}

// appendEnvelope appends an envelope of exactly size bytes (MinPayload at least).
func appendEnvelope(dst []byte, t tick, size int) []byte {
	start := len(dst)
	if t.topic == 0 {
		dst = append(dst, `{"type":"tick","id":"","payload":`...)
	} else {
		dst = append(dst, `{"type":"room","id":"`...)
		dst = appendHex(dst, uint64(t.topic), 8)
		dst = append(dst, `","payload":`...)
	}
	dst = append(dst, stampMark...)
	dst = appendHex(dst, uint64(t.topic), 8)
	dst = append(dst, `","s":"`...)
	dst = appendHex(dst, uint64(t.seq), 8)
	dst = append(dst, `","t":"`...)
	dst = appendHex(dst, uint64(t.at), 16)
	dst = append(dst, `","p":"`...)
	for len(dst) < start+size-len(`"}}`) {
		dst = append(dst, 'x')
	}
	return append(dst, `"}}`...)
}

// stampAtOffset reports whether a stamp begins at off.
func stampAtOffset(view []byte, off int) bool {
	const low, high = 0x7b | 0x22<<8 | 0x6b<<16 | 0x22<<24, 0x3a | 0x22<<8
	if off < 0 || len(view) < off+stampLength {
		return false
	}
	return binary.LittleEndian.Uint32(view[off:]) == low && binary.LittleEndian.Uint16(view[off+4:]) == high
}

// findStamp gives the offset of the first stamp, or -1.
func findStamp(view []byte) int {
	off := bytes.Index(view, []byte(stampMark))
	if off < 0 || !stampAtOffset(view, off) {
		return -1
	}
	return off
}

// stamp reads the stamp that begins at off.
func stamp(view []byte, off int) tick {
	return tick{
		topic: hex32(view[off+stampTopic:]),
		seq:   hex32(view[off+stampSeq:]),
		at:    int64(hex64(view[off+stampAt:])),
	}
}

// topicSent is how many of a number of events, published over the topics in turn, went to the topic with this index.
func topicSent(published uint64, topics, index int) uint32 {
	n, rest := published/uint64(topics), published%uint64(topics)
	if uint64(index) < rest {
		n++
	}
	return uint32(n)
}

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
