package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
)

// readKeyFile reads a file of keys that a flag names. Where there is no such file, somebody may have given the key itself: an error
// repeats only what looks like the name of a file.
func readKeyFile(name string) ([]byte, error) {
	if strings.Contains(name, "://") {
		return nil, errors.New("this is a URL, and the name of a file is wanted")
	}
	text, err := readBounded(name)
	switch {
	case err == nil:
		return text, nil
	case looksLikeFile(name):
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return nil, errors.New("there is no file of that name, and the name looks like a key: want the name of a file that has the key in it")
}

// shortName is how long a name may be that is repeated whatever it looks like: no key is that short.
const shortName = 20

var (
	fileEnding   = regexp.MustCompile(`^[A-Za-z0-9._@ -]*\.[a-z0-9]{2,5}$`)
	keyBeginning = regexp.MustCompile(`^(?:spokehub_|eyJ|-----|[{\[]|ssh-)`)
)

// looksLikeFile says that a text is rather the name of a file than a key, a token or a secret.
func looksLikeFile(name string) bool {
	switch {
	case oneLine(name) != name || keyBeginning.MatchString(filepath.Base(name)):
		return false
	case len(name) <= shortName || fileEnding.MatchString(filepath.Base(name)):
		return true
	}
	return filepath.IsAbs(name) && strings.Count(name, "/") > 1 && !strings.ContainsAny(name, "+=")
}
