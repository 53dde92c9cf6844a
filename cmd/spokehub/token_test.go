package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/auth"
)

// makeKey makes a key and returns the names of the files with what signs and what verifies.
func makeKey(t *testing.T, algorithm string) (private, public string) {
	t.Helper()
	private = filepath.Join(t.TempDir(), "hub.key")
	if stdout, stderr, code := runBinary(t, nil, "token", "key", "--alg="+algorithm, "--out="+private); code != exitOK {
		t.Fatalf("make a key: got exit code %d: %s%s", code, stdout, stderr)
	}
	if algorithm == "HS256" {
		return private, private
	}
	return private, private + ".pub"
}

// makeToken makes a token for ada.
func makeToken(t *testing.T, private string, arguments ...string) string {
	t.Helper()
	stdout, stderr, code := runBinary(t, nil, append([]string{"token", "make", "--key=" + private, "--user=ada"}, arguments...)...)
	if code != exitOK {
		t.Fatalf("make a token: got exit code %d: %s", code, stderr)
	}
	return strings.TrimSpace(stdout)
}

func TestTokensAreMadeAndRead(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"EdDSA", "ES256", "RS256", "HS256"} {
		t.Run(algorithm, func(t *testing.T) {
			private, public := makeKey(t, algorithm)
			token := makeToken(t, private, "--subscribe=price:*", "--subscribe=a,b", "--publish=chat:$user", "--issuer=me", "--audience=hub", "--kid=k1")
			stdout, stderr, code := runBinary(t, nil, "token", "read", token, "--key="+public, "--issuer=me", "--audience=hub")
			var report tokenReport
			if err := json.Unmarshal([]byte(stdout), &report); err != nil || code != exitOK {
				t.Fatalf("got exit code %d, %q and error %v: %s", code, stdout, err, stderr)
			}
			if report.Valid == nil || !*report.Valid || report.Claims["sub"] != "ada" || report.Header["alg"] != algorithm || report.Header["kid"] != "k1" {
				t.Errorf("got %s, want a valid token of ada", stdout)
			}
			if got := report.Claims["subscribe"].([]any); len(got) != 2 || got[1] != "a,b" {
				t.Errorf("got the patterns %v, want price:* and a,b", got)
			}
		})
	}
}

func TestTokenReadSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	private, _ := makeKey(t, "EdDSA")
	_, stranger := makeKey(t, "EdDSA")
	token := makeToken(t, private)
	for name, c := range map[string]struct {
		arguments []string
		code      int
		says      string
	}{
		"of another key":         {[]string{token, "--key=" + stranger}, exitFailure, "signature"},
		"of a missing file":      {[]string{token, "--key=/does/not/exist"}, exitUsage, "/does/not/exist"},
		"of another issuer":      {[]string{token, "--key=" + private + ".pub", "--issuer=me"}, exitFailure, "iss"},
		"of what is not a token": {[]string{"x.y"}, exitFailure, "not a token"},
		"without a key":          {[]string{token}, exitOK, "not checked"},
		"without an argument":    {nil, exitUsage, "token"},
		"of a private key":       {[]string{token, "--key=" + private}, exitUsage, "private key"},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := runBinary(t, nil, append([]string{"token", "read"}, c.arguments...)...)
			if code != c.code || !strings.Contains(stdout+stderr, c.says) || strings.Contains(stderr, token) {
				t.Errorf("got exit code %d, %q and %q, want %d and %q, and no token in the error", code, stdout, stderr, c.code, c.says)
			}
		})
	}
}

// weakKey is a private RSA key that is too short.
func weakKey(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}

func TestTokenMakeRejectsMistakes(t *testing.T) {
	t.Parallel()
	private, public := makeKey(t, "ES256")
	for name, c := range map[string]struct {
		arguments []string
		says      string
	}{
		"a public key":          {[]string{"--key=" + public, "--user=ada"}, public},
		"a key no hub takes":    {[]string{"--key=" + writeFile(t, "weak.pem", weakKey(t)), "--user=ada"}, "1024 bits"},
		"a short secret":        {[]string{"--key=" + writeFile(t, "secret", "hunter2"), "--user=ada"}, "7 bytes"},
		"no user":               {[]string{"--key=" + private}, "--user"},
		"an empty user":         {[]string{"--key=" + private, "--user="}, "--user"},
		"a malformed pattern":   {[]string{"--key=" + private, "--user=ada", "--publish=a*b"}, "--publish"},
		"an end that is passed": {[]string{"--key=" + private, "--user=ada", "--expires=-1h"}, "--expires"},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := runBinary(t, nil, append([]string{"token", "make"}, c.arguments...)...)
			if code == exitOK || stdout != "" || !strings.Contains(stderr, c.says) || strings.Contains(stderr, "hunter2") {
				t.Errorf("got exit code %d, %q and %q, want an error that says %q", code, stdout, stderr, c.says)
			}
		})
	}
}

func TestKeysAreWrittenForTheirOwnerAloneAndNeverOver(t *testing.T) {
	t.Parallel()
	private, public := makeKey(t, "EdDSA")
	if info, err := os.Stat(private); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v and error %v, want mode 600", info, err)
	}
	before, _ := os.ReadFile(private)
	if _, stderr, code := runBinary(t, nil, "token", "key", "--out="+private); code != exitFailure || !strings.Contains(stderr, private) {
		t.Errorf("got exit code %d and %q, want an error that names the file", code, stderr)
	}
	if after, _ := os.ReadFile(private); string(after) != string(before) {
		t.Error("got a key that was written over, want the first one")
	}
	if err := os.Remove(private); err != nil {
		t.Fatal(err)
	}
	if _, _, code := runBinary(t, nil, "token", "key", "--out="+private); code != exitFailure {
		t.Errorf("got exit code %d beside %s, want %d", code, public, exitFailure)
	}
	if _, err := os.Stat(private); err == nil {
		t.Error("got a private key without its public one, want none")
	}
}

func TestAPIKeyIsPrintedWithItsLine(t *testing.T) {
	t.Parallel()
	stdout, stderr, code := runBinary(t, nil, "token", "apikey", "--name=ci")
	var key, line string
	for text := range strings.Lines(stdout) {
		switch text = strings.TrimSpace(text); {
		case strings.HasPrefix(text, "spokehub_"):
			key = text
		case strings.HasPrefix(text, "ci "):
			line = text
		}
	}
	keys, err := auth.ParseAPIKeys([]byte(line))
	if code != exitOK || err != nil {
		t.Fatalf("got exit code %d, %q, %q and error %v, want a key and its line", code, stdout, stderr, err)
	}
	if name, _ := keys.Find(key); name != "ci" {
		t.Errorf("got the name %q for the key, want ci", name)
	}
	if _, stderr, code := runBinary(t, nil, "token", "apikey", "--name=a b"); code != exitUsage || !strings.Contains(stderr, "--name") {
		t.Errorf("got exit code %d and %q for a name with a space, want %d and --name", code, stderr, exitUsage)
	}
}
