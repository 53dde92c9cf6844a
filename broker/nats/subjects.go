package nats

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/spokehub/spokehub/broker"
)

const hexDigits = "0123456789ABCDEF"

// plainBytes has the bytes that a token of a subject has as they are.
var plainBytes = func() (may [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
		may[c] = true
	}
	return may
}()

// appendToken appends text as one token of a subject: all bytes but letters, digits, - and _ percent-encoded.
func appendToken(dst []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; plainBytes[c] {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return dst
}

// noID is the token of an event without an id within a stream. No id encodes to it.
const noID = "%"

// The second tokens of subjects, behind the prefix.
const (
	plainMark   = ".p."
	controlMark = ".c."
	appendMark  = ".s."
	liveMark    = ".r."
	replyMark   = ".i."
)

// subjects makes subjects for one prefix. It never changes.
type subjects struct {
	prefix string
}

// message is the subject that a plain or control message is published to.
func (s subjects) message(key broker.Key) string {
	var space [128]byte
	b := append(space[:0], s.prefix...)
	if key.Kind == broker.Control {
		return string(appendToken(append(b, controlMark...), key.Type))
	}
	b = appendToken(append(b, plainMark...), key.Type)
	if key.ID != "" {
		b = appendToken(append(b, '.'), key.ID)
	}
	return string(b)
}

// wanted are the subjects to subscribe to for a key; second is empty where one is enough.
func (s subjects) wanted(key broker.Key) (first, second string) {
	switch key.Kind {
	case broker.Control:
		return s.message(key), ""
	case broker.Stream:
		return s.live(key.Type), ""
	}
	first = s.message(key)
	if key.ID == "" {
		second = first + ".*"
	}
	return first, second
}

// live is the subject to which a stream's events are passed on once they are stored.
func (s subjects) live(typ string) string { return s.token(liveMark, typ) }

// appended is what the subjects begin with that events are appended by; behind it is the token of the id.
func (s subjects) appended(typ string) string { return s.token(appendMark, typ) + "." }

func (s subjects) token(mark, typ string) string {
	return string(appendToken(append([]byte(s.prefix), mark...), typ))
}

// maxReadable is the length of the longest type that a stream is named for as it is.
const maxReadable = 180

// streamName is the name of a type's stream, or of that of its survivors. Types of lower-case letters, digits, - and _ show in it as they
// are; of others it has a hash, so that no two are alike on a file system that does not tell cases apart.
func (s subjects) streamName(kind, typ string) string {
	readable := strings.Map(func(r rune) rune {
		if r < 128 && plainBytes[byte(r)] {
			return r
		}
		return '_'
	}, typ)
	if readable == typ && len(typ) <= maxReadable && strings.ToLower(typ) == typ {
		return s.prefix + "_" + kind + "_" + typ
	}
	hash := sha256.Sum256([]byte(typ))
	return s.prefix + "_" + kind + "x_" + readable[:min(len(readable), 64)] + "_" + hex.EncodeToString(hash[:12])
}

// origin says by which kind of key a message came, by its subject: its kind, whether its key has an id, and the token of its type. Anything
// that is not of the prefix has no token.
func (s subjects) origin(subject string) (kind broker.Kind, hasID bool, token string) {
	if len(subject) < len(s.prefix)+len(plainMark) {
		return broker.Plain, false, ""
	}
	mark, rest := subject[len(s.prefix):len(s.prefix)+len(plainMark)], subject[len(s.prefix)+len(plainMark):]
	switch mark {
	case liveMark:
		return broker.Stream, false, rest
	case controlMark:
		return broker.Control, false, rest
	}
	token, _, hasID = strings.Cut(rest, ".")
	return broker.Plain, hasID, token
}
