package auth

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"unicode"
)

const (
	// minSecret is the length of the shortest secret, that of the hash (RFC 7518, section 3.2). Shorter ones can be guessed offline from one token.
	minSecret = 32
	// minRSA and maxRSA bound the bits of an RSA key; to verify with a huge one takes long.
	minRSA = 2048
	maxRSA = 8192
)

// algorithms are those that any key may have.
var algorithms = []string{"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// Key verifies tokens: a secret or a public key. It never changes, and nothing that it prints tells a secret.
type Key struct {
	// id is its kid, or empty: then it verifies tokens with any.
	id string
	// material is a []byte, *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey.
	material any
	// algorithms are those that it verifies.
	algorithms []string
}

// String names the kind of key.
func (k Key) String() string {
	return fmt.Sprintf("key %q for %s", k.id, strings.Join(k.algorithms, ", "))
}

// GoString is String, so that no verb of fmt prints a secret.
func (k Key) GoString() string { return k.String() }

// ParseKeys reads the text of a file of keys: public keys or certificates in PEM, of RSA, EC (P-256, P-384, P-521) or Ed25519,
// or one secret of 32 bytes at least for HMAC, which is the text itself without line ends behind it. What looks like another
// kind of key is an error, never a secret: anybody could sign with a public key that was taken for one.
func ParseKeys(text []byte) ([]Key, error) {
	if bytes.Contains(text, []byte("-----BEGIN")) {
		return parsePEM(text)
	}
	secret := bytes.TrimRight(text, "\r\n")
	switch {
	case len(secret) == 0:
		return nil, errors.New("the file is empty")
	case isDER(text):
		return nil, errors.New("this is a key in DER: convert it to PEM, as with openssl pkey -pubin -inform DER")
	case bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")):
		return nil, errors.New("this is JSON: a JSON Web Key Set is given with --jwks (Config.JWKS)")
	case bytes.HasPrefix(secret, []byte("ssh-")) || bytes.HasPrefix(secret, []byte("ecdsa-sha2-")):
		return nil, errors.New("this is a key for SSH: convert it to PEM, as with ssh-keygen -e -m PKCS8")
	case bytes.ContainsAny(secret, "\r\n"):
		return nil, errors.New("several lines: a secret is one line, a public key begins with -----BEGIN")
	case bytes.HasPrefix(secret, []byte("\uFEFF")):
		return nil, errors.New("a byte order mark stands ahead of the secret: save the file without it")
	case bytes.ContainsFunc(secret, unicode.IsControl):
		return nil, errors.New("control characters: a secret is text, such as the base64 of random bytes")
	case bytes.HasPrefix(secret, []byte("eyJ")) && bytes.Count(secret, []byte(".")) == 2:
		return nil, errors.New("this is a token, and it is no secret")
	case len(secret) < minSecret:
		return nil, fmt.Errorf("the secret has %d bytes, and %d is the least", len(secret), minSecret)
	}
	return []Key{secretKey("", bytes.Clone(secret))}, nil
}

func secretKey(id string, secret []byte) Key {
	return Key{id: id, material: secret, algorithms: []string{"HS256", "HS384", "HS512"}}
}

// isDER says whether the bytes are a key or certificate as it stands in PEM, decoded or as its base64.
func isDER(text []byte) bool {
	for _, block := range [][]byte{text, decodedBase64(text)} {
		for _, kind := range []string{"PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE", "PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"} {
			if _, err := parseBlock(&pem.Block{Type: kind, Bytes: block}); err == nil || errors.Is(err, errPrivate) && isPrivate(block) {
				return true
			}
		}
	}
	return false
}

func parsePEM(text []byte) ([]Key, error) {
	var keys []Key
	for {
		var block *pem.Block
		block, text = pem.Decode(text)
		if block == nil {
			break
		}
		if block.Type == "EC PARAMETERS" {
			continue
		}
		public, err := parseBlock(block)
		if err != nil {
			return nil, fmt.Errorf("PEM block %d: %w", len(keys)+1, err)
		}
		key, err := publicKey("", public)
		if err != nil {
			return nil, fmt.Errorf("PEM block %d: %w", len(keys)+1, err)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 || bytes.Contains(text, []byte("-----BEGIN")) {
		return nil, errors.New("a PEM block is cut off or malformed")
	}
	return keys, nil
}

var errPrivate = errors.New("this is a private key, which belongs to who makes tokens: give its public key, as from openssl pkey -pubout")

func parseBlock(block *pem.Block) (crypto.PublicKey, error) {
	switch block.Type {
	case "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return certificate.PublicKey, nil
	}
	if strings.HasSuffix(block.Type, "PRIVATE KEY") {
		return nil, errPrivate
	}
	return nil, fmt.Errorf("%q is neither a public key nor a certificate", block.Type)
}

func isPrivate(der []byte) bool {
	_, pkcs8 := x509.ParsePKCS8PrivateKey(der)
	_, pkcs1 := x509.ParsePKCS1PrivateKey(der)
	_, ec := x509.ParseECPrivateKey(der)
	return pkcs8 == nil || pkcs1 == nil || ec == nil
}

// publicKey pins a key to the algorithms of its type.
func publicKey(id string, public crypto.PublicKey) (Key, error) {
	switch k := public.(type) {
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < minRSA || bits > maxRSA {
			return Key{}, fmt.Errorf("an RSA key of %d bits, and it must have %d to %d", bits, minRSA, maxRSA)
		}
		if k.E < 3 || k.E%2 == 0 {
			return Key{}, errors.New("the exponent of the RSA key is not valid")
		}
		return Key{id: id, material: k, algorithms: []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}}, nil
	case *ecdsa.PublicKey:
		algorithm, isKnown := map[string]string{"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}[k.Params().Name]
		if !isKnown {
			return Key{}, fmt.Errorf("the curve %s is not used for tokens", k.Params().Name)
		}
		return Key{id: id, material: k, algorithms: []string{algorithm}}, nil
	case ed25519.PublicKey:
		return Key{id: id, material: k, algorithms: []string{"EdDSA"}}, nil
	}
	return Key{}, fmt.Errorf("a key of type %T can't verify tokens", public)
}
