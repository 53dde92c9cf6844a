package auth

import (
	"slices"
	"strings"
	"testing"
)

func newKey(t testing.TB, name string) (key, line string) {
	t.Helper()
	key, line, err := NewAPIKey(name)
	if err != nil {
		t.Fatal(err)
	}
	return key, line
}

func TestAPIKeysAreFoundByName(t *testing.T) {
	first, firstLine := newKey(t, "ci")
	second, secondLine := newKey(t, "prometheus")
	stranger, _ := newKey(t, "ci")
	keys, err := ParseAPIKeys([]byte("# who publishes\n" + firstLine + "\n\n" + strings.Replace(secondLine, " ", ": ", 1) + "\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := keys.Names(), []string{"ci", "prometheus"}; !slices.Equal(got, want) {
		t.Errorf("got the names %v, want %v", got, want)
	}
	for name, c := range map[string]struct{ key, want string }{
		"the first":      {first, "ci"},
		"the second":     {second, "prometheus"},
		"no other one":   {stranger, ""},
		"no empty one":   {"", ""},
		"no part of one": {first[:len(first)-1], ""},
		"no hash":        {strings.Fields(firstLine)[1], ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got, found := keys.Find(c.key); got != c.want || found != (c.want != "") {
				t.Errorf("got %q and %v, want %q", got, found, c.want)
			}
		})
	}
}

func TestFilesOfAPIKeysAreStrict(t *testing.T) {
	key, line := newKey(t, "ci")
	for name, c := range map[string]struct{ text, says string }{
		"nothing":             {"", "no API key"},
		"remarks alone":       {"# none\n", "no API key"},
		"a key itself":        {line + "\nother " + key, "line 2"},
		"a key alone":         {key, "a key itself"},
		"a name alone":        {"ci", "line 1"},
		"a name that twice":   {line + "\n" + line, "twice"},
		"a short hash":        {"ci sha256:abcd", "64 hexadecimal"},
		"another hash":        {"ci md5:abcd", "64 hexadecimal"},
		"a name with a slash": {"a/b " + strings.Fields(line)[1], "name"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseAPIKeys([]byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), key) {
				t.Errorf("got the error %v, want one that says %q and no key", err, c.says)
			}
		})
	}
}

func FuzzParseAPIKeys(f *testing.F) {
	key, line := newKey(f, "ci")
	f.Add([]byte(line))
	f.Add([]byte("#\n\nci: sha256:00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, err := ParseAPIKeys(text)
		if err != nil {
			return
		}
		if name, found := keys.Find(key); found && !strings.Contains(string(text), strings.Fields(line)[1]) {
			t.Errorf("got the name %q for a key that is not in the file", name)
		}
	})
}
