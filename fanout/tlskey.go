package fanout

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"io"
)

// outsideKey is a private key of the embedder's own kind, such as one that a service or a device keeps: to sign may take long. It never
// changes.
type outsideKey struct {
	crypto.Signer
	hub *Hub
}

// Sign is that of the key.
func (k outsideKey) Sign(random io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	return outside(k.hub, func() ([]byte, error) { return k.Signer.Sign(random, digest, o) })
}

// SignMessage is that of the key, or Sign for one that has none.
func (k outsideKey) SignMessage(random io.Reader, message []byte, o crypto.SignerOpts) ([]byte, error) {
	return outside(k.hub, func() ([]byte, error) { return crypto.SignMessage(k.Signer, random, message, o) })
}

// outsideDecrypter is an outsideKey that also decrypts, for the key exchange with RSA of TLS 1.2. It never changes.
type outsideDecrypter struct {
	outsideKey
	decrypter crypto.Decrypter
}

// Decrypt is that of the key.
func (k outsideDecrypter) Decrypt(random io.Reader, message []byte, o crypto.DecrypterOpts) ([]byte, error) {
	return outside(k.hub, func() ([]byte, error) { return k.decrypter.Decrypt(random, message, o) })
}

// outsideCertificate is c, with which other handshakes go on while its key is used. Keys of the standard library only compute.
func (h *Hub) outsideCertificate(c *tls.Certificate) *tls.Certificate {
	if c == nil {
		return nil
	}
	own := *c
	switch key := c.PrivateKey.(type) {
	case *rsa.PrivateKey, *ecdsa.PrivateKey, ed25519.PrivateKey:
		return c
	case crypto.Signer:
		own.PrivateKey = outsideKey{key, h}
		if decrypter, decrypts := c.PrivateKey.(crypto.Decrypter); decrypts {
			own.PrivateKey = outsideDecrypter{outsideKey{key, h}, decrypter}
		}
	}
	return &own
}
