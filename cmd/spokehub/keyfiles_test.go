package main

import (
	"os"
	"strings"
	"testing"
)

// misplaced are secrets as somebody may give them in the place of a file's name.
func misplaced(t *testing.T) map[string]string {
	t.Helper()
	private, _ := makeKey(t, "EdDSA")
	secret, _ := makeKey(t, "HS256")
	key, _ := newAPIKey(t, "ci")
	found := map[string]string{"an API key": key, "a token": makeToken(t, private), "a word": "correcthorsebatterystaple42", "base64 with slashes": "ab/cdEF0123456789/0123456789abcdef=="}
	for name, file := range map[string]string{"a private key": private, "a secret": secret} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found[name] = strings.TrimSpace(string(text))
	}
	return found
}

func TestSecretsInPlaceOfFilesAreNotRepeated(t *testing.T) {
	t.Parallel()
	signing, _ := makeKey(t, "EdDSA")
	for name, secret := range misplaced(t) {
		inYAML := strings.ReplaceAll(secret, "\n", "\n  ")
		for place, run := range map[string]func() (stdout, stderr string, code int){
			"--jwt-key":        func() (string, string, int) { return runBinary(t, nil, "serve", "--jwt-key="+secret) },
			"--jwt-key, apart": func() (string, string, int) { return runBinary(t, nil, "serve", "--jwt-key", secret) },
			"--jwks":           func() (string, string, int) { return runBinary(t, nil, "serve", "--jwks="+secret) },
			"--jwks, apart":    func() (string, string, int) { return runBinary(t, nil, "serve", "--jwks", secret) },
			"--api-keys":       func() (string, string, int) { return runBinary(t, nil, "config", "check", "--api-keys="+secret) },
			"the variable": func() (string, string, int) {
				return runBinary(t, []string{"SPOKEHUB_JWT_KEY=" + secret}, "config", "print")
			},
			"the file": func() (string, string, int) {
				return runBinary(t, nil, "config", "check", writeConfig(t, "jwt-key: |\n  "+inYAML+"\n"))
			},
			"the file itself": func() (string, string, int) { return runBinary(t, nil, "config", "check", writeConfig(t, secret+"\n")) },
			"the file, no colon": func() (string, string, int) {
				return runBinary(t, nil, "config", "check", writeConfig(t, "jwt-key "+secret+"\n"))
			},
			"a rule of the file": func() (string, string, int) {
				return runBinary(t, nil, "config", "check", writeConfig(t, "topics:\n- |\n  "+inYAML+"\n"))
			},
			"token read's key": func() (string, string, int) { return runBinary(t, nil, "token", "read", "x", "--key="+secret) },
			"token make's key": func() (string, string, int) { return runBinary(t, nil, "token", "make", "--user=ada", "--key="+secret) },
			"token read's key set": func() (string, string, int) {
				return runBinary(t, nil, "token", "read", makeToken(t, signing), "--jwks="+secret)
			},
		} {
			stdout, stderr, code := run()
			for _, line := range strings.Split(secret, "\n") {
				if strings.HasPrefix(line, "-----") {
					continue
				}
				if code == exitOK || strings.Contains(stdout+stderr, line) {
					t.Errorf("%s as %s: got %d, %q and %q, want an error without the secret", name, place, code, stdout, stderr)
				}
			}
		}
	}
}

func TestNamesOfKeyFilesAreRepeated(t *testing.T) {
	for name, want := range map[string]bool{
		"hub.key": true, "keys": true, "/etc/spokehub/jwt-signing-key-2026": true, "/run/credentials/spokehub.service/jwt": true, "../keys/hub-production-2026.key.pub": true,
		"spokehub_fFNtNWBh39": false, "eyJhbGciOi": false, "{}": false, "PuOOXAzVbxVJJT5uikTwonCFfjSE6AAWwCFJb6TUDFI": false, "a\nb": false, "/9j/4AAQSkZJRgABAQAAAQ==": false,
	} {
		if got := looksLikeFile(name); got != want {
			t.Errorf("%q: got %v, want %v", name, got, want)
		}
	}
}

func TestEmptyFlagsThatWouldOpenTheHubAreMistakes(t *testing.T) {
	t.Parallel()
	for _, name := range neverEmpty {
		for _, arguments := range [][]string{{"--" + name + "="}, {"--" + name, ""}} {
			_, stderr, code := runBinary(t, nil, append([]string{"config", "check"}, arguments...)...)
			if want := "--" + name + ": the value is empty"; code != exitUsage || !strings.Contains(stderr, want) {
				t.Errorf("%q: got %d and %q, want %d and %q", arguments, code, stderr, exitUsage, want)
			}
		}
	}
}

func TestMistakesInArgumentsSayWhatToWrite(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		environ, arguments []string
		want               string
	}{
		"one dash":                {nil, []string{"serve", "-listen", ":0"}, "unknown flag -listen: the name of a flag stands behind two dashes, as in --listen (spokehub serve"},
		"one dash and a value":    {nil, []string{"serve", "-listen=:0"}, "as in --listen"},
		"a letter":                {nil, []string{"serve", "-v"}, "unknown flag -v (spokehub serve"},
		"half a command":          {nil, []string{"config"}, "(spokehub config --help"},
		"half another":            {nil, []string{"token"}, "(spokehub token --help"},
		"a flag of no command":    {nil, []string{"version", "--json"}, "(spokehub version --help"},
		"a choice that is none":   {nil, []string{"serve", "--engine=x"}, `--engine: want one of default, easygo, epoll, parked, goroutine, and got "x"`},
		"a bool that is none":     {nil, []string{"serve", "--relay=maybe"}, `--relay: want true or false, and got "maybe"`},
		"one too many":            {nil, []string{"serve", "a.yaml"}, "unexpected argument a.yaml"},
		"half a name":             {nil, []string{"serv"}, `unexpected argument serv, did you mean "serve"?`},
		"a key too many":          {nil, []string{"serve", "--api-keys", "=", "spokehub_s3cret"}, "unexpected argument, which looks like a key"},
		"a token too many":        {nil, []string{"token", "read", "eyJa.b.c", "eyJs3cret.b.c"}, "unexpected argument, which looks like a key"},
		"a secret too many":       {nil, []string{"token", "make", "s3cret" + strings.Repeat("A", 40)}, "unexpected argument, which looks like a key"},
		"a token for a command":   {nil, []string{"token", "eyJs3cret"}, "unexpected argument, which looks like a key"},
		"a dash ahead of a value": {nil, []string{"serve", "--path", "-x y"}, "--path: a value is missing, or begins with a dash: then write --path=VALUE"},
	} {
		_, stderr, code := runBinary(t, c.environ, c.arguments...)
		if code != exitUsage || !strings.Contains(stderr, c.want) || strings.Contains(stderr, "s3cret") {
			t.Errorf("%s: got %d and %q, want %d and %q", name, code, stderr, exitUsage, c.want)
		}
	}
	stdout, _, code := runBinary(t, []string{"SPOKEHUB_JWTKEY=x"}, "config", "check")
	if want := "no flag reads the variable SPOKEHUB_JWTKEY; did you mean SPOKEHUB_JWT_KEY?\n"; code != exitOK || !strings.Contains(stdout, want) {
		t.Errorf("got %d and %q for a variable that is misspelt, want %q", code, stdout, want)
	}
}
