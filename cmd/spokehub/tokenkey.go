package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/golang-jwt/jwt/v5"

	"github.com/spokehub/spokehub/auth"
)

const (
	// secretBytes is how many random bytes a new secret has.
	secretBytes = 32
	// rsaBits is the length of a new RSA key.
	rsaBits = 3072
)

// run makes a key and writes it to new files.
func (f *tokenKeyFlags) run(stdout io.Writer) error {
	if f.Alg == "HS256" {
		secret := make([]byte, secretBytes)
		rand.Read(secret)
		if err := writeNew(f.Out, []byte(base64.RawURLEncoding.EncodeToString(secret)+"\n"), 0o600); err != nil {
			return err
		}
		_, err := fmt.Fprintf(stdout, "secret: %s (for spokehub token make --key, and for spokehub serve --jwt-key)\n", f.Out)
		return err
	}
	private, err := newPrivateKey(f.Alg)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		return err
	}
	if err := writeNew(f.Out, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		return err
	}
	if err := writeNew(f.Out+".pub", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), 0o644); err != nil {
		return errors.Join(err, os.Remove(f.Out))
	}
	_, err = fmt.Fprintf(stdout, "private key: %s (for spokehub token make --key)\npublic key: %s.pub (for spokehub serve --jwt-key)\n", f.Out, f.Out)
	return err
}

func newPrivateKey(alg string) (crypto.Signer, error) {
	switch alg {
	case "ES256":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "RS256":
		return rsa.GenerateKey(rand.Reader, rsaBits)
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	return private, err
}

// writeNew writes a file that does not exist yet: a key that is overwritten is gone.
func writeNew(name string, content []byte, mode os.FileMode) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	switch {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("--out: %s: there is such a file already: move it away, or choose another name", name)
	case err != nil:
		return fmt.Errorf("--out: %w", err)
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Close())
}

// readSigningKey reads a private key or a secret, and says how it signs.
func readSigningKey(name string) (any, jwt.SigningMethod, error) {
	text, err := readKeyFile(name)
	if err != nil {
		return nil, nil, err
	}
	if !bytes.Contains(text, []byte("-----BEGIN")) {
		if _, err := auth.ParseKeys(text); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		return bytes.TrimRight(text, "\r\n"), jwt.SigningMethodHS256, nil
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		key, method := signer(block.Bytes)
		if key == nil {
			continue
		}
		if err := checkVerifiable(key); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		return key, method, nil
	}
	return nil, nil, fmt.Errorf("%s: it has no private key that signs tokens (RSA, EC or Ed25519, in PEM and not encrypted)", name)
}

// checkVerifiable says why a hub would not take the public half of a key, if it would not.
func checkVerifiable(private crypto.Signer) error {
	public, err := x509.MarshalPKIXPublicKey(private.Public())
	if err == nil {
		_, err = auth.ParseKeys(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))
	}
	return err
}

func signer(der []byte) (crypto.Signer, jwt.SigningMethod) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		if pkcs1, err := x509.ParsePKCS1PrivateKey(der); err == nil {
			key = pkcs1
		} else if ec, err := x509.ParseECPrivateKey(der); err == nil {
			key = ec
		}
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return k, jwt.SigningMethodRS256
	case ed25519.PrivateKey:
		return k, jwt.SigningMethodEdDSA
	case *ecdsa.PrivateKey:
		switch k.Curve {
		case elliptic.P256():
			return k, jwt.SigningMethodES256
		case elliptic.P384():
			return k, jwt.SigningMethodES384
		case elliptic.P521():
			return k, jwt.SigningMethodES512
		}
	}
	return nil, nil
}
