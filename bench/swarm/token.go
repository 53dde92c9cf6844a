//go:build linux

package swarm

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

// The parts of a token (JWT). It lets its user do something of the user's own, and with all topics of the swarm, until the year 2100.
const (
	tokenHeader = `{"alg":"HS256","typ":"JWT"}`
	tokenClaims = `{"sub":"user%d","exp":4102444800,"subscribe":[%s],"publish":[%[2]s]}`
	tokenTopics = `"inbox:$user","tick","tick:*","room:*"`
)

// appendToken appends the token of a client's own user.
func appendToken(dst []byte, secret string, client int) []byte {
	begin := len(dst)
	dst = base64.RawURLEncoding.AppendEncode(dst, []byte(tokenHeader))
	dst = base64.RawURLEncoding.AppendEncode(append(dst, '.'), fmt.Appendf(nil, tokenClaims, client, tokenTopics))
	signature := hmac.New(sha256.New, []byte(secret))
	signature.Write(dst[begin:])
	return base64.RawURLEncoding.AppendEncode(append(dst, '.'), signature.Sum(nil))
}

// Handshake is the request of a client, with a token if the server asks for one.
func (s Server) Handshake(client int) []byte {
	request := Handshake(s.Path, s.Address)
	if s.Secret == "" {
		return request
	}
	request = append(bytes.TrimSuffix(request, []byte("\r\n")), "Authorization: Bearer "...)
	return append(appendToken(request, s.Secret, client), "\r\n\r\n"...)
}
