package auth

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
)

const (
	// maxKeySet is the length of the longest key set that is read.
	maxKeySet = 1 << 20
	// maxListedKeys is how many keys a set may have. A token without kid is tried with all.
	maxListedKeys = 100
)

// keySet finds keys by algorithm, so that no key is ever tried with one that is not its own. It never changes.
type keySet map[string]algorithmKeys

// algorithmKeys are the keys for one algorithm.
type algorithmKeys struct {
	lookup keyfunc.Keyfunc
	// unnamed are those without an id, which may have signed tokens with any.
	unnamed []jwt.VerificationKey
	// all are those and the named ones, for tokens without a kid.
	all []jwt.VerificationKey
}

func newKeySet(keys []Key) (keySet, error) {
	set := keySet{}
	stores := map[string]*jwkset.MemoryJWKSet{}
	for _, key := range keys {
		for _, algorithm := range key.algorithms {
			options := jwkset.JWKOptions{
				Marshal:  jwkset.JWKMarshalOptions{Private: true},
				Metadata: jwkset.JWKMetadataOptions{ALG: jwkset.ALG(algorithm), KID: key.id},
			}
			jwk, err := jwkset.NewJWKFromKey(key.material, options)
			if err != nil {
				return nil, fmt.Errorf("%v: %w", key, err)
			}
			if stores[algorithm] == nil {
				stores[algorithm] = jwkset.NewMemoryStorage()
			}
			if err := stores[algorithm].KeyWrite(context.Background(), jwk); err != nil {
				return nil, fmt.Errorf("%v: %w", key, err)
			}
			if key.id == "" {
				found := set[algorithm]
				found.unnamed = append(found.unnamed, key.material)
				set[algorithm] = found
			}
		}
	}
	for algorithm, store := range stores {
		lookup, err := keyfunc.New(keyfunc.Options{Storage: store})
		if err != nil {
			return nil, err
		}
		every, err := lookup.VerificationKeySet(context.Background())
		if err != nil {
			return nil, err
		}
		found := set[algorithm]
		found.lookup, found.all = lookup, slices.Clip(every.Keys)
		set[algorithm] = found
	}
	return set, nil
}

// find returns the keys that may have signed a token: for one with a kid those of that name and those without, else all. Nobody may
// change them.
func (s keySet) find(ctx context.Context, algorithm string, t *jwt.Token) []jwt.VerificationKey {
	keys, isThere := s[algorithm]
	if !isThere {
		return nil
	}
	if _, isNamed := t.Header["kid"]; !isNamed {
		return keys.all
	}
	got, err := keys.lookup.KeyfuncCtx(ctx)(t)
	if err != nil {
		return slices.Clip(keys.unnamed)
	}
	return append([]jwt.VerificationKey{got}, keys.unnamed...)
}

// readKeySet reads a file in which a JSON Web Key Set is.
func readKeySet(name string) ([]Key, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxKeySet+1))
	if err != nil {
		return nil, err
	}
	keys, err := parseKeySet(text, true)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return keys, nil
}

// parseKeySet reads a JSON Web Key Set. Keys that can't verify tokens, are for encryption or of an unknown kind are left out; it is
// an error if none is left. secrets says whether keys for HMAC count.
func parseKeySet(text []byte, secrets bool) ([]Key, error) {
	if len(text) > maxKeySet {
		return nil, fmt.Errorf("the key set has more than %d bytes", maxKeySet)
	}
	var document struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &document); err != nil {
		return nil, errors.New("not a JSON Web Key Set: the JSON is malformed")
	}
	if document.Keys == nil {
		return nil, errors.New(`not a JSON Web Key Set: it has no "keys"`)
	}
	if len(document.Keys) > maxListedKeys {
		return nil, fmt.Errorf("the key set has %d keys, more than %d", len(document.Keys), maxListedKeys)
	}
	var keys []Key
	var last error
	for i, text := range document.Keys {
		key, err := parseListed(text, secrets)
		if err != nil {
			last = fmt.Errorf("key %d: %w", i+1, err)
			continue
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.Join(errors.New("the key set has no key that verifies tokens"), last)
	}
	return keys, nil
}

// parseListed reads one key of a set. Certificates beside it are not looked at, and nothing that it links to is fetched.
func parseListed(text []byte, secrets bool) (Key, error) {
	var m jwkset.JWKMarshal
	if err := json.Unmarshal(text, &m); err != nil {
		return Key{}, errors.New("malformed")
	}
	isSecret := m.KTY == jwkset.KtyOct
	switch {
	case isSecret && !secrets:
		return Key{}, errors.New("a secret that anybody can fetch")
	case m.USE != "" && m.USE != jwkset.UseSig:
		return Key{}, fmt.Errorf("its use is %q", m.USE)
	case len(m.KEYOPS) > 0 && !slices.Contains(m.KEYOPS, jwkset.KeyOpsVerify):
		return Key{}, errors.New("its key_ops don't have verify")
	}
	algorithm := string(m.ALG)
	if algorithm == "Ed25519" {
		algorithm = "EdDSA"
	}
	bare := jwkset.JWKMarshal{KTY: m.KTY, CRV: m.CRV, X: m.X, Y: m.Y, N: m.N, E: m.E}
	if isSecret {
		bare.K = m.K
	}
	jwk, err := jwkset.NewJWKFromMarshal(bare, jwkset.JWKMarshalOptions{Private: isSecret}, jwkset.JWKValidateOptions{SkipAll: true})
	if err != nil {
		return Key{}, errors.New("malformed or of an unknown kind")
	}
	var key Key
	if secret, isBytes := jwk.Key().([]byte); isBytes && isSecret {
		if len(secret) < minSecret {
			return Key{}, fmt.Errorf("the secret has %d bytes, and %d is the least", len(secret), minSecret)
		}
		key = secretKey(m.KID, secret)
	} else if key, err = publicKey(m.KID, jwk.Key()); err != nil {
		return Key{}, err
	}
	if algorithm == "" {
		return key, nil
	}
	if !slices.Contains(key.algorithms, algorithm) {
		return Key{}, fmt.Errorf("its alg %q is not one of its type", algorithm)
	}
	key.algorithms = []string{algorithm}
	return key, nil
}

// decodedBase64 is the text's content if it is base64 over one line or many, or nil.
func decodedBase64(text []byte) []byte {
	decoded, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(text)))
	if err != nil {
		return nil
	}
	return decoded
}
