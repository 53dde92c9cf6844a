package auth

import (
	"strings"
	"testing"
)

func TestAURLFromWhichNothingCanBeFetchedIsAMistake(t *testing.T) {
	for _, text := range []string{"http://", "https://:443/keys", "http://h:99999999/", "http://h:0/", "http://h:-1/", "http://h/a b", "http://h\t/", "https://user:secret@h:99999/"} {
		err := Config{JWKS: text}.Check()
		if err == nil || !strings.HasPrefix(err.Error(), "auth: Config.JWKS: ") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: got %v, want a mistake of Config.JWKS without the URL", text, err)
		}
	}
	for _, text := range []string{"http://127.0.0.1:1/", "https://h/keys?a=b", "HTTPS://[::1]:8443/keys", "http://user:secret@h:65535"} {
		if err := (Config{JWKS: text}).Check(); err != nil {
			t.Errorf("%q: got %v, want none", text, err)
		}
	}
}

func TestAnEndlessKeySetIsNotRead(t *testing.T) {
	if err := (Config{JWKS: "/dev/zero"}).Check(); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("got %v, want that it is too long", err)
	}
}
