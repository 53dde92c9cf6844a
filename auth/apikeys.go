package auth

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

const (
	// apiKeyPrefix begins every API key, so that people and scanners for lost secrets recognize one.
	apiKeyPrefix = "spokehub_"
	// apiKeyBytes is how many random bytes a key has. That is too many to guess, so that one round of SHA-256 hides it.
	apiKeyBytes = 32
	hashPrefix  = "sha256:"
	maxAPIKeys  = 1000
)

var keyName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$`)

// APIKeys are the hashes of the keys of programs, each with a name. They never change.
type APIKeys struct {
	names  []string
	hashes [][sha256.Size]byte
}

// NewAPIKey makes a random key for a program, and the line that a file of keys needs for it.
func NewAPIKey(name string) (key, line string, err error) {
	if !keyName.MatchString(name) {
		return "", "", fmt.Errorf("%q is not a name for a key: it has 1 to 64 letters, digits, dots, dashes, underscores and @, and begins with a letter or digit", name)
	}
	random := make([]byte, apiKeyBytes)
	rand.Read(random)
	key = apiKeyPrefix + base64.RawURLEncoding.EncodeToString(random)
	hash := sha256.Sum256([]byte(key))
	return key, name + " " + hashPrefix + hex.EncodeToString(hash[:]), nil
}

// ParseAPIKeys reads the text of a file of keys: one a line, a name and the hash of a key as NewAPIKey makes it. Empty lines and those
// that begin with # don't count. An error names the line and repeats no key.
func ParseAPIKeys(text []byte) (*APIKeys, error) {
	keys := &APIKeys{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := keys.add(line); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(keys.names) == 0 {
		return nil, errors.New("the file has no API key: spokehub token apikey makes one")
	}
	return keys, nil
}

func (k *APIKeys) add(line string) error {
	fields := strings.Fields(line)
	if slices.ContainsFunc(fields, func(field string) bool { return strings.HasPrefix(field, apiKeyPrefix) }) {
		return errors.New("a key itself: the file has hashes, and this key should not be used any more")
	}
	if len(fields) != 2 {
		return errors.New("want a name and a hash: NAME sha256:HEX")
	}
	name := strings.TrimSuffix(fields[0], ":")
	text, hasPrefix := strings.CutPrefix(fields[1], hashPrefix)
	hash, err := hex.DecodeString(text)
	switch {
	case !keyName.MatchString(name):
		return errors.New("the name has other characters than letters, digits, dots, dashes, underscores and @, or is too long")
	case !hasPrefix || err != nil || len(hash) != sha256.Size:
		return fmt.Errorf("the hash of %s is not sha256: and 64 hexadecimal digits", name)
	case slices.Contains(k.names, name):
		return fmt.Errorf("the name %s stands twice", name)
	case len(k.names) == maxAPIKeys:
		return fmt.Errorf("more than %d keys", maxAPIKeys)
	}
	k.names = append(k.names, name)
	k.hashes = append(k.hashes, [sha256.Size]byte(hash))
	return nil
}

// Find returns the name of a key, or false if it is none of these. How long that takes tells nothing about the keys.
func (k *APIKeys) Find(key string) (name string, found bool) {
	hash := sha256.Sum256([]byte(key))
	at := -1
	for i := range k.hashes {
		at = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(hash[:], k.hashes[i][:]), i, at)
	}
	if at < 0 {
		return "", false
	}
	return k.names[at], true
}

// Names are the names of the keys, in the order of the file. The slice is the caller's.
func (k *APIKeys) Names() []string { return slices.Clone(k.names) }
