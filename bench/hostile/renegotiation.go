//go:build linux

package main

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/spokehub/spokehub/bench/server"
)

// overheard is a connection that keeps what has been read from it.
type overheard struct {
	net.Conn
	read []byte
}

// Read implements io.Reader.
func (o *overheard) Read(buffer []byte) (int, error) {
	n, err := o.Conn.Read(buffer)
	o.read = append(o.read, buffer[:n]...)
	return n, err
}

// oldRecords encrypts what a client sends over TLS 1.2 with AES-128-GCM, as records does for TLS 1.3 (RFC 5246, RFC 5288).
type oldRecords struct {
	aead     cipher.AEAD
	salt     []byte
	sequence uint64
}

const (
	randomLength = 32
	// helloRandom is where the record of a ServerHello has its random bytes: behind the heads of the record and the message, and the version.
	helloRandom = recordHead + 4 + 2
)

// newOldRecords takes over from crypto/tls after the handshake, in which the client has sent one encrypted message.
func newOldRecords(secrets *keyLog, answer []byte) (*oldRecords, error) {
	if len(answer) < helloRandom+randomLength || len(secrets.secret) == 0 {
		return nil, errors.New("the handshake was not TLS 1.2")
	}
	seed := append(append([]byte("key expansion"), answer[helloRandom:helloRandom+randomLength]...), secrets.random...)
	keys := expandOld(secrets.secret, seed, 2*16+2*4)
	block, err := aes.NewCipher(keys[:16])
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	return &oldRecords{aead: aead, salt: keys[32:36], sequence: 1}, err
}

// expandOld is P_SHA256 of RFC 5246, section 5.
func expandOld(secret, seed []byte, length int) (out []byte) {
	sum := func(parts ...[]byte) []byte {
		h := hmac.New(sha256.New, secret)
		for _, part := range parts {
			h.Write(part)
		}
		return h.Sum(nil)
	}
	for a := sum(seed); len(out) < length; a = sum(a) {
		out = append(out, sum(a, seed)...)
	}
	return out[:length]
}

// append appends one record.
func (r *oldRecords) append(dst []byte, kind byte, view []byte) []byte {
	number := binary.BigEndian.AppendUint64(nil, r.sequence)
	r.sequence++
	additional := binary.BigEndian.AppendUint16(append(append([]byte(nil), number...), kind, 3, 3), uint16(len(view)))
	dst = binary.BigEndian.AppendUint16(append(dst, kind, 3, 3), uint16(len(number)+len(view)+r.aead.Overhead()))
	nonce := append(append([]byte(nil), r.salt...), number...)
	return r.aead.Seal(append(dst, number...), nonce, view, additional)
}

// shakeOldHands shakes hands by TLS 1.2, with a configuration that it changes.
func shakeOldHands(c *server.Conn, config *tls.Config) (*oldRecords, error) {
	secrets, heard := &keyLog{label: []byte(masterSecret)}, &overheard{Conn: c.TCPConn}
	config.MinVersion, config.MaxVersion, config.KeyLogWriter = tls.VersionTLS12, tls.VersionTLS12, secrets
	config.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
	if err := tls.Client(heard, config).Handshake(); err != nil {
		return nil, err
	}
	return newOldRecords(secrets, heard.read)
}

// renegotiate asks for another handshake again and again, though it never answers. A server that refuses may say so, or hang up.
func renegotiate(a *attacker) string {
	return withTCP(func(a *attacker, c *server.Conn) string {
		config, err := a.server.TLSConfig()
		if err != nil {
			return err.Error()
		}
		r, err := shakeOldHands(c, config)
		if err != nil {
			return a.upgradeEnd(err)
		}
		go io.Copy(io.Discard, c.TCPConn)
		hello := a.frames[recordHead:]
		for {
			var view []byte
			for len(view) < floodBytes {
				view = r.append(view, recordHandshake, hello)
			}
			if err := a.write(c, view); err != nil {
				return errorEnd(err)
			}
		}
	})(a)
}
