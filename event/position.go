package event

import (
	"fmt"
	"strconv"
	"strings"
)

// Position is a place in a stream: behind the event that has this offset. Offset 0 is the beginning of the epoch. The zero value is
// no position. As JSON it is what the member since of a __subscribe has for a topic.
type Position struct {
	// Epoch names the run of offsets that Offset belongs to: up to 32 letters, digits, "-" and "_". Offsets of two epochs have nothing to
	// do with each other.
	Epoch string `json:"epoch"`
	// Offset is that of the last event ahead of the position, at most MaxOffset.
	Offset uint64 `json:"offset"`
}

// MaxOffset is the greatest offset: the greatest integer that every JSON implementation reads exactly.
const MaxOffset = 1<<53 - 1

// maxEpoch is the length of the longest epoch, in bytes.
const maxEpoch = 32

// ParsePosition reads a position as String writes it, for command lines and queries. The error says what is wrong with which text.
func ParsePosition(text string) (Position, error) {
	epoch, digits, found := strings.Cut(text, ":")
	if !found {
		return Position{}, fmt.Errorf("position %q has no colon: write EPOCH:OFFSET, as in x7:42", text)
	}
	if !ValidEpoch(epoch) {
		return Position{}, fmt.Errorf("the epoch of position %q is not 1 to %d letters, digits, - and _: write EPOCH:OFFSET, as in x7:42", text, maxEpoch)
	}
	offset, ok := parseOffset(digits)
	if !ok {
		return Position{}, fmt.Errorf("the offset of position %q is not a whole number from 0 to %d: write EPOCH:OFFSET, as in x7:42", text, uint64(MaxOffset))
	}
	return Position{Epoch: epoch, Offset: offset}, nil
}

// String returns the position as EPOCH:OFFSET, such as x7:42, and an empty text for no position.
func (p Position) String() string {
	if p == (Position{}) {
		return ""
	}
	return p.Epoch + ":" + strconv.FormatUint(p.Offset, 10)
}

// ValidEpoch reports whether epoch may be that of a position: 1 to 32 ASCII letters, digits, "-" and "_".
func ValidEpoch(epoch string) bool { return isEpoch(epoch) }

func isEpoch[T text](epoch T) bool {
	if len(epoch) == 0 || len(epoch) > maxEpoch {
		return false
	}
	for i := range len(epoch) {
		if !epochBytes[epoch[i]] {
			return false
		}
	}
	return true
}

// epochBytes has the bytes that an epoch may have.
var epochBytes = func() (may [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
		may[c] = true
	}
	return may
}()

// parseOffset reads an offset: digits alone, the first of several not a zero, and not more than MaxOffset. Of anything else it returns
// 0 and false.
func parseOffset[T text](digits T) (offset uint64, ok bool) {
	if len(digits) == 0 || len(digits) > len("9007199254740991") || digits[0] == '0' && len(digits) > 1 {
		return 0, false
	}
	for i := range len(digits) {
		digit := digits[i] - '0'
		if digit > 9 {
			return 0, false
		}
		offset = offset*10 + uint64(digit)
	}
	if offset > MaxOffset {
		return 0, false
	}
	return offset, true
}

// AppendOffset adds the member offset, of an event of a stream, to the envelope at the end of dst, which Append or View.Append has made.
func AppendOffset(dst []byte, offset uint64) []byte {
	dst = append(dst[:len(dst)-1], `,"offset":`...)
	return append(strconv.AppendUint(dst, offset, 10), '}')
}
