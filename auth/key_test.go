package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"
)

func block(kind string, der []byte, err error) string {
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func certificateOf(name string) []byte {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "issuer"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, testKeys()[name].Public(), testKeys()[name])
	if err != nil {
		panic(err)
	}
	return der
}

func TestKeyFilesAreRead(t *testing.T) {
	rsaKey := testKeys()["rsa"].(*rsa.PrivateKey)
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"a secret":                       {secret, []string{"HS256"}},
		"a secret with a line end":       {secret + "\r\n", []string{"HS256"}},
		"a secret that is base64":        {base64.StdEncoding.EncodeToString([]byte(secret)), []string{"HS256"}},
		"an RSA key":                     {string(publicPEM(t, "rsa")), []string{"RS256"}},
		"an RSA key as PKCS #1":          {block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey), nil), []string{"RS256"}},
		"an EC key":                      {string(publicPEM(t, "p384")), []string{"ES384"}},
		"an Ed25519 key":                 {string(publicPEM(t, "ed")), []string{"EdDSA"}},
		"a certificate":                  {block("CERTIFICATE", certificateOf("p256"), nil), []string{"ES256"}},
		"several keys with text between": {"old:\n" + string(publicPEM(t, "ed")) + "new:\n" + string(publicPEM(t, "p521")), []string{"EdDSA", "ES512"}},
	} {
		t.Run(name, func(t *testing.T) {
			keys, err := ParseKeys([]byte(c.text))
			var got []string
			for _, key := range keys {
				got = append(got, key.algorithms[0])
			}
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("got %v and error %v, want %v", got, err, c.want)
			}
		})
	}
}

func TestWhatIsNoKeyIsNeverASecret(t *testing.T) {
	rsaKey := testKeys()["rsa"].(*rsa.PrivateKey)
	small := &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 1023, 1), E: 65537}
	p224, _ := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	public, _ := x509.MarshalPKIXPublicKey(rsaKey.Public())
	pkcs8, _ := x509.MarshalPKCS8PrivateKey(rsaKey)
	good := string(publicPEM(t, "rsa"))
	for name, c := range map[string]struct{ text, says string }{
		"nothing":                        {"", "empty"},
		"line ends":                      {"\n\n", "empty"},
		"a token":                        {"eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl", "token"},
		"bytes that are no text":         {strings.Repeat("\x00", 64), "control characters"},
		"a secret behind a mark":         {"\uFEFF" + secret, "byte order mark"},
		"a short secret":                 {strings.Repeat("x", 31), "31 bytes"},
		"two lines":                      {secret + "\n" + secret, "lines"},
		"a public key in DER":            {string(public), "DER"},
		"a public key in base64":         {base64.StdEncoding.EncodeToString(public), "DER"},
		"a certificate in DER":           {string(certificateOf("rsa")), "DER"},
		"a private key in DER":           {string(pkcs8), "DER"},
		"a private key":                  {block("PRIVATE KEY", pkcs8, nil), "private"},
		"a private key as PKCS #1":       {block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey), nil), "private"},
		"a public key and a private one": {good + block("PRIVATE KEY", pkcs8, nil), "private"},
		"a key set":                      {jwks(jwk("rsa", "1", nil)), "JWKS"},
		"a key for SSH":                  {"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKhRdmPyBnOYqZpNQ7v1S0vFFw6t me@example", "SSH"},
		"PEM that is cut off":            {good[:len(good)-30], "malformed"},
		"PEM that is cut off behind one": {good + good[:len(good)-30], "malformed"},
		"PEM of another kind":            {block("CERTIFICATE REQUEST", []byte{1}, nil), "neither"},
		"PEM around nothing":             {block("PUBLIC KEY", []byte{1}, nil), "block 1"},
		"an RSA key that is short":       {block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(small), nil), "1024 bits"},
		"a curve that tokens don't use": {func() string {
			der, err := x509.MarshalPKIXPublicKey(p224.Public())
			return block("PUBLIC KEY", der, err)
		}(), "P-224"},
	} {
		t.Run(name, func(t *testing.T) {
			keys, err := ParseKeys([]byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v and error %v, want an error that says %q", keys, err, c.says)
			}
		})
	}
}

func TestKeyPrintsNoSecret(t *testing.T) {
	keys := mustParse(t, []byte(secret))
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(format, keys[0]); strings.Contains(got, secret) || strings.Contains(got, fmt.Sprint([]byte(secret))) {
			t.Errorf("got the secret from %s: %s", format, got)
		}
	}
}

func FuzzParseKeys(f *testing.F) {
	f.Add(publicPEM(f, "rsa"))
	f.Add([]byte(secret))
	f.Add([]byte("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, err := ParseKeys(text)
		if err != nil {
			return
		}
		if _, err := newKeySet(keys); err != nil {
			t.Errorf("got the error %v for keys that were read, want none", err)
		}
	})
}
