package event

import (
	"strconv"
	"unicode/utf8"
)

// Token returns the token that the payload of an __auth has, decoded: the string token, of 1 to limit bytes. Other members are
// ignored. A payload that isn't an object or has no such token is FaultToken. The token is valid as long as the view is, and
// until the next call of Token, Topics or TopicsFrom. Token allocates nothing if the scratch has room, and decodes no token that is
// too long.
func (v *View) Token(limit int) ([]byte, error) {
	raw := v.rawToken()
	if raw == nil || len(raw)-2 > maxEscape*limit {
		return nil, FaultToken
	}
	v.scratch = v.scratch[:v.names]
	token := v.decode(raw)
	if len(token) == 0 || len(token) > limit || !utf8.Valid(token) {
		return nil, FaultToken
	}
	return token, nil
}

// maxEscape is the length of the longest escape of a byte in a JSON string.
const maxEscape = len(`\u0000`)

// rawToken returns the JSON string that the payload has for a token, nil if it has none.
func (v *View) rawToken() []byte {
	payload := v.Payload
	if len(payload) == 0 || payload[0] != '{' {
		return nil
	}
	var room protocolName
	for at := firstMember(payload); at >= 0; {
		name, value := member(payload, at)
		end := skipValue(payload, value)
		if string(room.decode(name)) == "token" {
			if payload[value] != '"' {
				return nil
			}
			return payload[value:end]
		}
		at = nextMember(payload, end)
	}
	return nil
}

// AppendAuthAck appends to dst the answer to the __auth id that the spoke is user now, until expires, in seconds since 1970; 0, which
// is left out, means for good.
func AppendAuthAck(dst, id []byte, user string, expires int64) []byte {
	dst = append(dst, `{"type":"__ack","id":`...)
	dst = appendText(dst, id)
	dst = append(dst, `,"payload":{"user":`...)
	dst = appendText(dst, user)
	if expires != 0 {
		dst = strconv.AppendInt(append(dst, `,"expires":`...), expires, 10)
	}
	return append(dst, `}}`...)
}
