package certs

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// contentsOf are the contents of one file.
func contentsOf(text string) Contents {
	return Contents{byName: map[string]content{"hub.pem": {text: []byte(text)}}}
}

// The two invariants of Watch: what a look does with contents, where those with an exclamation mark turn out to be bad.
func looks(t *testing.T, texts ...string) (found []Finding) {
	t.Helper()
	w := NewWatch(contentsOf("a"))
	for _, text := range texts {
		c := contentsOf(text)
		finding := w.Look(c)
		found = append(found, finding)
		switch {
		case finding == Changed && text[len(text)-1] == '!':
			w.Failed(c)
		case finding == Changed:
			w.Took(c)
		}
	}
	return found
}

func TestContentsAreTriedOnlyWhenTwoLooksInARowHaveFoundTheSame(t *testing.T) {
	for name, c := range map[string]struct {
		texts []string
		want  []Finding
	}{
		"nothing new":                  {[]string{"a", "a"}, []Finding{Unchanged, Unchanged}},
		"something new":                {[]string{"b", "b", "b"}, []Finding{Unchanged, Changed, Unchanged}},
		"a file that is being written": {[]string{"b", "bb", "bbb", "bbbb", "bbbb"}, []Finding{Unchanged, Unchanged, Unchanged, Unchanged, Changed}},
		"a file that comes back":       {[]string{"b", "a", "a"}, []Finding{Unchanged, Unchanged, Unchanged}},
	} {
		assertLooks(t, name, looks(t, c.texts...), c.want)
	}
}

func TestContentsThatWereFoundBadAreNotTriedAgainUntilTheyChange(t *testing.T) {
	for name, c := range map[string]struct {
		texts []string
		want  []Finding
	}{
		"bad ones that stay":                {[]string{"b!", "b!", "b!", "b!"}, []Finding{Unchanged, Changed, Unchanged, Unchanged}},
		"bad ones that become good":         {[]string{"b!", "b!", "c", "c"}, []Finding{Unchanged, Changed, Unchanged, Changed}},
		"bad ones that become worse":        {[]string{"b!", "b!", "c!", "c!", "c!"}, []Finding{Unchanged, Changed, Unchanged, Changed, Unchanged}},
		"bad ones that are taken back":      {[]string{"b!", "b!", "a", "a", "a"}, []Finding{Unchanged, Changed, Unchanged, Restored, Unchanged}},
		"bad ones for the time of one look": {[]string{"b!", "a", "a"}, []Finding{Unchanged, Unchanged, Unchanged}},
	} {
		assertLooks(t, name, looks(t, c.texts...), c.want)
	}
}

func assertLooks(t *testing.T, name string, got, want []Finding) {
	t.Helper()
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%s: got %v, want %v", name, got, want)
			return
		}
	}
}

func TestChangesOfFilesAreSeenHoweverTheyAreMade(t *testing.T) {
	files := func(in folder) Files { return Files{Certs: []string{filepath.Join(string(in), "hub.pem")}} }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		begin, change func(in string)
		isSame        bool
	}{
		"nothing": {func(in string) { must(os.WriteFile(in+"/hub.pem", []byte("a"), 0o600)) }, func(string) {}, true},
		"a rename": {func(in string) { must(os.WriteFile(in+"/hub.pem", []byte("a"), 0o600)) }, func(in string) {
			must(os.WriteFile(in+"/new", []byte("b"), 0o600))
			must(os.Rename(in+"/new", in+"/hub.pem"))
		}, false},
		"a file that is truncated and written, with the time of before": {
			func(in string) {
				must(os.WriteFile(in+"/hub.pem", []byte("a"), 0o600))
				must(os.Chtimes(in+"/hub.pem", time.Time{}, time.Unix(1, 0)))
			},
			func(in string) {
				must(os.WriteFile(in+"/hub.pem", []byte("b"), 0o600))
				must(os.Chtimes(in+"/hub.pem", time.Time{}, time.Unix(1, 0)))
			}, false,
		},
		"a link that points elsewhere": {
			func(in string) {
				must(os.WriteFile(in+"/1", []byte("a"), 0o600))
				must(os.WriteFile(in+"/2", []byte("b"), 0o600))
				must(os.Symlink("1", in+"/hub.pem"))
			},
			func(in string) { must(os.Symlink("2", in+"/next")); must(os.Rename(in+"/next", in+"/hub.pem")) }, false,
		},
		"a directory that is swapped": {
			func(in string) {
				must(os.MkdirAll(in+"/..1", 0o700))
				must(os.MkdirAll(in+"/..2", 0o700))
				must(os.WriteFile(in+"/..1/hub.pem", []byte("a"), 0o600))
				must(os.WriteFile(in+"/..2/hub.pem", []byte("b"), 0o600))
				must(os.Symlink("..1", in+"/..data"))
				must(os.Symlink("..data/hub.pem", in+"/hub.pem"))
			},
			func(in string) { must(os.Symlink("..2", in+"/..tmp")); must(os.Rename(in+"/..tmp", in+"/..data")) }, false,
		},
		"a file that is gone":    {func(in string) { must(os.WriteFile(in+"/hub.pem", []byte("a"), 0o600)) }, func(in string) { must(os.Remove(in + "/hub.pem")) }, false},
		"a file that was missed": {func(string) {}, func(in string) { must(os.WriteFile(in+"/hub.pem", []byte("a"), 0o600)) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			in := newFolder(t)
			c.begin(string(in))
			before := Read(files(in), read)
			c.change(string(in))
			if got := Read(files(in), read).Equal(before); got != c.isSame {
				t.Errorf("got equal contents: %v, want %v", got, c.isSame)
			}
		})
	}
}
