//go:build linux

package main

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// The types of TLS records and messages that attackers make by hand (RFC 8446).
const (
	recordAlert       = 21
	recordHandshake   = 22
	recordApplication = 23
	messageHello      = 1
	messageKeyUpdate  = 24
	alertWarning      = 1
	alertUserCanceled = 90
)

const recordHead = 5

// records encrypts what a client sends over TLS 1.3 with AES-128-GCM, in whatever records it likes: crypto/tls makes only sensible ones. It
// takes the place of crypto/tls for what is sent, right after the handshake.
type records struct {
	secret   []byte
	aead     cipher.AEAD
	iv       []byte
	sequence uint64
}

// newRecords begins with the client's first secret for application traffic.
func newRecords(secret []byte) (*records, error) {
	r := &records{secret: secret}
	return r, r.rekey()
}

// rekey makes the keys of the secret.
func (r *records) rekey() error {
	key, err := expandLabel(r.secret, "key", 16)
	if err != nil {
		return err
	}
	if r.iv, err = expandLabel(r.secret, "iv", 12); err != nil {
		return err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	r.sequence = 0
	r.aead, err = cipher.NewGCM(block)
	return err
}

// expandLabel is HKDF-Expand-Label of RFC 8446, section 7.1, without a context.
func expandLabel(secret []byte, label string, length int) ([]byte, error) {
	info := binary.BigEndian.AppendUint16(nil, uint16(length))
	info = append(append(info, byte(len("tls13 ")+len(label))), "tls13 "+label...)
	return hkdf.Expand(sha256.New, secret, string(append(info, 0)), length)
}

// append appends one record.
func (r *records) append(dst []byte, kind byte, view []byte) []byte {
	nonce := append([]byte(nil), r.iv...)
	for i := range 8 {
		nonce[len(nonce)-1-i] ^= byte(r.sequence >> (8 * i))
	}
	r.sequence++
	dst = append(dst, recordApplication, 3, 3)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(view)+1+r.aead.Overhead()))
	head := dst[len(dst)-recordHead:]
	return r.aead.Seal(dst, nonce, append(append([]byte(nil), view...), kind), head)
}

// appendKeyUpdate changes to the next keys, and asks the server to do so too.
func (r *records) appendKeyUpdate(dst []byte) ([]byte, error) {
	dst = r.append(dst, recordHandshake, []byte{messageKeyUpdate, 0, 0, 1, 1})
	next, err := expandLabel(r.secret, "traffic upd", sha256.Size)
	if err != nil {
		return nil, err
	}
	r.secret = next
	return dst, r.rekey()
}
