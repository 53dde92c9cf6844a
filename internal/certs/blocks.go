package certs

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// blocks is what a file has in PEM.
type blocks struct {
	chain []*x509.Certificate
	keys  []crypto.Signer
}

// minRSABits is the length of the shortest RSA key that clients take.
const minRSABits = 2048

const (
	// blockBegin is what the first line of a block begins with.
	blockBegin = "-----BEGIN "
	// byteOrderMark is what editors on Windows put ahead of a text.
	byteOrderMark = "\ufeff"
)

// parseBlocks reads a file. One that is being written is malformed, for its last block has no end.
func parseBlocks(text []byte) (blocks, error) {
	var found blocks
	if err := checkPEM(text); err != nil {
		return found, err
	}
	text = bytes.ReplaceAll(text, []byte(byteOrderMark), nil)
	begun, read := bytes.Count(text, []byte(blockBegin)), 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		read++
		if err := found.add(block); err != nil {
			return found, err
		}
	}
	switch atLines := bytes.Count(append([]byte("\n"), text...), []byte("\n"+blockBegin)); {
	case atLines < begun:
		return found, errors.New("-----BEGIN stands behind something else in its line: put it on a line of its own, as where two files were joined")
	case read < begun:
		return found, fmt.Errorf("block %d of the file is malformed or has no end: is the file still being written?", read+1)
	}
	return found, nil
}

// checkPEM recognizes files of other kinds.
func checkPEM(text []byte) error {
	trimmed := bytes.TrimSpace(text)
	switch {
	case len(trimmed) == 0:
		return errors.New("the file is empty")
	case bytes.Contains(text, []byte(blockBegin)):
		return nil
	case text[0] == 0x30:
		return errors.New("the file is not PEM but DER or PKCS#12: convert it with openssl x509, openssl pkey or openssl pkcs12 (-nodes)")
	}
	return errors.New("the file is not PEM: want blocks that begin with -----BEGIN")
}

func (b *blocks) add(block *pem.Block) error {
	switch kind := block.Type; {
	case kind == "CERTIFICATE":
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return fmt.Errorf("certificate %d of the file is malformed: %w", len(b.chain)+1, err)
		}
		b.chain = append(b.chain, certificate)
	case kind == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
		return errors.New("the key is encrypted, and there is nobody to ask for its password: decrypt it with openssl pkey -in FILE -out NEWFILE, and keep it from others with chmod 600")
	case strings.HasSuffix(kind, "PRIVATE KEY"):
		key, err := parseKey(block.Bytes)
		if err != nil {
			return err
		}
		b.keys = append(b.keys, key)
	case kind == "CERTIFICATE REQUEST" || kind == "NEW CERTIFICATE REQUEST":
		return errors.New("the file has a request for a certificate: an authority has yet to make a certificate of it")
	case kind == "PUBLIC KEY" || kind == "RSA PUBLIC KEY":
		return errors.New("the file has a public key: want the certificate, or the private key")
	}
	return nil
}

// parseKey reads a private key in PKCS #8, PKCS #1 or SEC 1. Its errors have nothing of the key.
func parseKey(der []byte) (crypto.Signer, error) {
	var key any
	var err error
	if key, err = x509.ParsePKCS8PrivateKey(der); err != nil {
		if key, err = x509.ParsePKCS1PrivateKey(der); err != nil {
			if key, err = x509.ParseECPrivateKey(der); err != nil {
				return nil, errors.New("the private key is malformed, or of a kind that TLS does not have: want RSA, ECDSA (P-256, P-384, P-521) or Ed25519")
			}
		}
	}
	signer, isSigner := key.(crypto.Signer)
	if !isSigner {
		return nil, errors.New("the private key can't sign: want RSA, ECDSA or Ed25519")
	}
	return signer, checkKey(signer.Public())
}

// checkKey rejects keys that clients refuse.
func checkKey(public crypto.PublicKey) error {
	switch public := public.(type) {
	case *rsa.PublicKey:
		if bits := public.N.BitLen(); bits < minRSABits {
			return fmt.Errorf("the RSA key has %d bits, and clients refuse one of less than %d: make a new one", bits, minRSABits)
		}
	case *ecdsa.PublicKey:
		if !slices.Contains([]elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()}, public.Curve) {
			return fmt.Errorf("the key is on the curve %s, which TLS does not have: want P-256, P-384 or P-521", public.Curve.Params().Name)
		}
	}
	return nil
}

// isWeak says that a signature is by an algorithm that clients refuse.
func isWeak(algorithm x509.SignatureAlgorithm) bool {
	return slices.Contains([]x509.SignatureAlgorithm{x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.DSAWithSHA1}, algorithm)
}

// belongs says whether a key is that of a certificate.
func belongs(key crypto.Signer, certificate *x509.Certificate) bool {
	public, comparable := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	return comparable && public.Equal(certificate.PublicKey)
}
