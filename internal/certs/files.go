package certs

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
)

// Files are the names of the files that have the certificates of one listener. Keys may be in any order, and a key may stand in the file of
// its certificate.
type Files struct {
	// Certs have certificates in PEM, each with its chain behind it.
	Certs []string
	// Keys have their keys.
	Keys []string
	// ClientCAs have the authorities that vouch for certificates of clients.
	ClientCAs []string
}

// names are all of them, each once.
func (f Files) names() []string {
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(f.Certs, f.Keys, f.ClientCAs))))
}

// Contents is what stood in files when they were read. It never changes.
type Contents struct {
	byName map[string]content
}

// content is one file.
type content struct {
	text []byte
	// failure is why it could not be read, or nil.
	failure error
	// isPublic says that every user of the machine may read it.
	isPublic bool
	// isPipe says that it is no file that could be read twice.
	isPipe bool
}

// Read reads files with a function whose errors name the file.
func Read(f Files, read func(name string) ([]byte, error)) Contents {
	c := Contents{byName: map[string]content{}}
	for _, name := range f.names() {
		var one content
		if info, err := os.Stat(name); err == nil {
			one.isPublic, one.isPipe = info.Mode().Perm()&0o004 != 0 && runtime.GOOS != "windows", !info.Mode().IsRegular()
		}
		one.text, one.failure = read(name)
		c.byName[name] = one
	}
	return c
}

// Equal says whether the same files have the same contents, as far as they can be read twice.
func (c Contents) Equal(other Contents) bool { return c.Sum() == other.Sum() }

// Sum stands for what can be read twice.
func (c Contents) Sum() (sum [sha256.Size]byte) {
	all := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(c.byName)) {
		one := c.byName[name]
		if one.isPipe {
			continue
		}
		fmt.Fprintf(all, "%q %v %x\n", name, one.failure, sha256.Sum256(one.text))
	}
	return [sha256.Size]byte(all.Sum(nil))
}

// Differs names the settings, as in Mistake, whose files have other contents than before.
func (c Contents) Differs(f Files, before Contents, beforeFiles Files) (settings []string) {
	for _, setting := range []struct {
		name          string
		files, before []string
	}{
		{"tls-cert", f.Certs, beforeFiles.Certs},
		{"tls-key", f.Keys, beforeFiles.Keys},
		{"tls-client-ca", f.ClientCAs, beforeFiles.ClientCAs},
	} {
		isSame := func(name, nameBefore string) bool {
			return bytes.Equal(c.byName[name].text, before.byName[nameBefore].text)
		}
		if !slices.EqualFunc(setting.files, setting.before, isSame) {
			settings = append(settings, setting.name)
		}
	}
	return settings
}
