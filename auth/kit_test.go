package auth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// patience is how long a test waits for what should happen at once.
const patience = time.Minute

const secret = "a secret of more than thirty-two bytes"

// testKeys are private keys, made once.
var testKeys = sync.OnceValue(func() map[string]crypto.Signer {
	rsaKey, _ := rsa.GenerateKey(rand.Reader, 2048)
	otherRSA, _ := rsa.GenerateKey(rand.Reader, 2048)
	_, edKey, _ := ed25519.GenerateKey(rand.Reader)
	_, otherEd, _ := ed25519.GenerateKey(rand.Reader)
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	p521, _ := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	return map[string]crypto.Signer{"rsa": rsaKey, "rsa2": otherRSA, "ed": edKey, "ed2": otherEd, "p256": p256, "p384": p384, "p521": p521}
})

// publicPEM is the public key of a private one.
func publicPEM(t testing.TB, name string) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(testKeys()[name].Public())
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func mustParse(t testing.TB, text []byte) []Key {
	t.Helper()
	keys, err := ParseKeys(text)
	if err != nil {
		t.Fatalf("parse keys: %v", err)
	}
	return keys
}

// goodClaims are those of a token for ada, changed by others; nil takes one away.
func goodClaims(others map[string]any) jwt.MapClaims {
	claims := jwt.MapClaims{"sub": "ada", "exp": time.Now().Add(time.Hour).Unix(), "subscribe": []string{"price:*"}, "publish": []string{"chat:$user"}}
	maps.Copy(claims, others)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return claims
}

// sign makes a token. The key is a name of testKeys, or a secret.
func sign(t testing.TB, algorithm, key string, header map[string]any, claims jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.GetSigningMethod(algorithm), claims)
	maps.Copy(token.Header, header)
	var material any = []byte(key)
	if private, isPrivate := testKeys()[key]; isPrivate {
		material = private
	}
	if algorithm == "none" {
		material = jwt.UnsafeAllowNoneSignatureType
	}
	text, err := token.SignedString(material)
	if err != nil {
		t.Fatalf("sign with %s: %v", algorithm, err)
	}
	return text
}

func goodToken(t testing.TB) string { return sign(t, "HS256", secret, nil, goodClaims(nil)) }

// start makes an authenticator that the test closes.
func start(t testing.TB, c Config) *Authenticator {
	t.Helper()
	a, err := New(c)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	t.Cleanup(a.Close)
	return a
}

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// jwk is a public key as a key set has it.
func jwk(name, kid string, others map[string]string) map[string]string {
	text := func(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
	fields := map[string]string{"kid": kid}
	switch k := testKeys()[name].Public().(type) {
	case *rsa.PublicKey:
		fields["kty"], fields["n"], fields["e"] = "RSA", text(k.N.Bytes()), "AQAB"
	case ed25519.PublicKey:
		fields["kty"], fields["crv"], fields["x"] = "OKP", "Ed25519", text(k)
	case *ecdsa.PublicKey:
		point, _ := k.Bytes()
		half := (len(point) - 1) / 2
		fields["kty"], fields["crv"], fields["x"], fields["y"] = "EC", k.Params().Name, text(point[1:1+half]), text(point[1+half:])
	}
	maps.Copy(fields, others)
	return fields
}

func jwks(keys ...map[string]string) string {
	text, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		panic(fmt.Sprint(err))
	}
	return string(text)
}
