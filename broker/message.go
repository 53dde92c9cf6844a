package broker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"
)

// Version is that of the format of messages.
const Version = 1

// HeaderBytes is how long the header of a message is.
const HeaderBytes = 48

var (
	// ErrGarbage is a message that no hub has written.
	ErrGarbage = errors.New("not a message of a hub: something else publishes under the prefix of this cluster")
	// ErrVersion is a message of a hub with another format.
	ErrVersion = errors.New("a message in a format that this hub does not know")
)

// Header is what a message begins with.
type Header struct {
	// Origin is the hub that sent it: a number that it has chosen at random when it began.
	Origin uint64
	// Sequence numbers the plain messages of the origin from 1 on, and those of streams for themselves, in the order in which they are published; 0
	// for others.
	Sequence uint64
	// OfType and OfID are the sequences of the origin's last message ahead of this one of the same type, and of the same type and id; 0 if there was
	// none, or the origin does not remember.
	OfType, OfID uint64
	// At is when it was sent, by the clock of the origin, in whole milliseconds.
	At time.Time
}

// AppendHeader appends the header of a message to dst: "sh", the version, a zero, and five numbers of eight bytes each, the most
// significant first: Origin, Sequence, OfType, OfID, and milliseconds since 1970. Four bytes follow for a checksum, which Seal sets once the message is complete.
func AppendHeader(dst []byte, h Header) []byte {
	dst = append(dst, 's', 'h', Version, 0)
	dst = binary.BigEndian.AppendUint64(dst, h.Origin)
	dst = binary.BigEndian.AppendUint64(dst, h.Sequence)
	dst = binary.BigEndian.AppendUint64(dst, h.OfType)
	dst = binary.BigEndian.AppendUint64(dst, h.OfID)
	dst = binary.BigEndian.AppendUint64(dst, uint64(h.At.UnixMilli()))
	return append(dst, 0, 0, 0, 0)
}

// checksumAt is where the checksum begins: at the end of the header.
const checksumAt = HeaderBytes - 4

// castagnoli is the polynomial that processors have an instruction for (RFC 3720, section 12.1).
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is that of a message, but for the checksum itself.
func checksum(message []byte) uint32 {
	return crc32.Update(crc32.Checksum(message[:checksumAt], castagnoli), castagnoli, message[HeaderBytes:])
}

// Seal sets the checksum of a message: without a good one no hub reads it, so what is not quite a message has no effect. It does not protect against who means
// harm; that is for the broker's users and passwords to do. Nothing of the message may be changed afterwards.
func Seal(message []byte) []byte {
	binary.BigEndian.PutUint32(message[checksumAt:], checksum(message))
	return message
}

// SetSequence changes the sequence in the header of a message that has not been sealed.
func SetSequence(message []byte, sequence uint64) {
	binary.BigEndian.PutUint64(message[12:], sequence)
}

// ParseMessage returns the header of a message and what follows it, which is borrowed. The error is ErrGarbage, or ErrVersion with what to do.
func ParseMessage(message []byte) (h Header, body []byte, err error) {
	if len(message) < 4 || message[0] != 's' || message[1] != 'h' {
		return Header{}, nil, ErrGarbage
	}
	if version := message[2]; version != Version {
		return Header{}, nil, fmt.Errorf("%w: version %d, this hub has %d: run the same release of spokehub on all nodes of a cluster, or give this one another --broker-prefix", ErrVersion, version, Version)
	}
	if len(message) < HeaderBytes || checksum(message) != binary.BigEndian.Uint32(message[checksumAt:]) {
		return Header{}, nil, ErrGarbage
	}
	h.Origin = binary.BigEndian.Uint64(message[4:])
	h.Sequence = binary.BigEndian.Uint64(message[12:])
	h.OfType = binary.BigEndian.Uint64(message[20:])
	h.OfID = binary.BigEndian.Uint64(message[28:])
	h.At = time.UnixMilli(int64(binary.BigEndian.Uint64(message[36:])))
	return h, message[HeaderBytes:], nil
}
