package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// mustRun runs a program in a directory and returns what it prints.
func mustRun(t *testing.T, directory, name string, arguments ...string) string {
	t.Helper()
	command := exec.Command(name, arguments...)
	command.Dir = directory
	command.Env = append(os.Environ(), "GIT_AUTHOR_DATE=1700000000 +0000", "GIT_COMMITTER_DATE=1700000000 +0000", "GIT_CONFIG_GLOBAL="+os.DevNull,
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com", "SOURCE_DATE_EPOCH=")
	out, err := command.Output()
	if exit, failed := errors.AsType[*exec.ExitError](err); failed {
		t.Fatalf("%s %q: %v\n%s", name, arguments, err, exit.Stderr)
	} else if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// committed is, for a test of what git and go do, a repository whose only commit has the files of this one, as they are now.
func committed(t *testing.T) string {
	t.Helper()
	if os.Getenv("FOREIGN") == "skip" {
		t.Skip("FOREIGN=skip leaves out what other programs do")
	}
	root, err := git("", "rev-parse", "--show-toplevel")
	if err != nil {
		t.Skipf("a release is made from a clone: %v", err)
	}
	repository := filepath.Join(t.TempDir(), "first")
	for name := range strings.SplitSeq(mustRun(t, root, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"), "\x00") {
		content, err := os.ReadFile(filepath.Join(root, name))
		if name == "" || errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(repository, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	mustRun(t, repository, "git", "init", "--quiet")
	mustRun(t, repository, "git", "add", "--all")
	mustRun(t, repository, "git", "commit", "--quiet", "--message", "All of it")
	return repository
}

// unpacked are the files of a tar.gz.
func unpacked(t *testing.T, archive string) map[string]string {
	t.Helper()
	packed, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for reader := tar.NewReader(plain); ; {
		header, err := reader.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		if header.ModTime.Unix() != 1_700_000_000 || header.Uid != 0 || header.Uname != "" {
			t.Errorf("got %s of %q at %v, want nobody's, at the time of the commit", header.Name, header.Uname, header.ModTime)
		}
		files[header.Name] = string(content)
	}
}

func TestTwoClonesMakeTheSameRelease(t *testing.T) {
	first := committed(t)
	second := filepath.Join(t.TempDir(), "a clone with another name")
	mustRun(t, first, "git", "clone", "--quiet", first, second)
	mustRun(t, second, "git", "tag", "v0.9.0")
	for _, clone := range []string{first, second} {
		mustRun(t, clone, "go", "run", "./internal/release", "-version", "v0.1.0-test.1", "-out", "dist")
	}
	sums, err := os.ReadFile(filepath.Join(first, "dist", "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(sums))
	if len(lines) != 8 {
		t.Fatalf("got the checksums %s, want those of two archives and two lists", sums)
	}
	for i := 1; i < len(lines); i += 2 {
		a, err := os.ReadFile(filepath.Join(first, "dist", lines[i]))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(second, "dist", lines[i]))
		if err != nil || !bytes.Equal(a, b) {
			t.Errorf("got two different %s, %v, want the same bytes", lines[i], err)
		}
		if strings.Contains(string(a), first) {
			t.Errorf("got the directory of the clone in %s, want none", lines[i])
		}
	}
	if other, err := os.ReadFile(filepath.Join(second, "dist", "SHA256SUMS")); err != nil || !bytes.Equal(sums, other) {
		t.Errorf("got the checksums %s and %s, %v, want the same", sums, other, err)
	}
	const name = "spokehub_0.1.0-test.1_linux_amd64"
	files := unpacked(t, filepath.Join(first, "dist", name+".tar.gz"))
	for _, want := range []string{
		"spokehub", "LICENSE", "README.md", "man/spokehub.1", "man/spokehub-serve.1", "man/spokehub-token.1",
		"deploy/systemd/spokehub.service", "completions/spokehub.bash", "completions/_spokehub", "completions/spokehub.fish",
	} {
		if files[name+"/"+want] == "" {
			t.Errorf("got no %s in the archive, want it", want)
		}
	}
	for found := range files {
		if strings.HasSuffix(found, ".go") || strings.HasSuffix(found, "_test.yaml") || strings.Contains(found, "/schemas/") {
			t.Errorf("got %s in the archive, want nothing that only tests need", found)
		}
	}
	if page := files[name+"/man/spokehub.1"]; !strings.HasPrefix(page, `.TH SPOKEHUB 1 "2023-11-14" "spokehub v0.1.0-test.1"`) {
		t.Errorf("got the page %.80q, want the release and its day", page)
	}
	binary := files[name+"/spokehub"]
	checkBinary(t, binary, strings.TrimSpace(mustRun(t, first, "git", "rev-parse", "HEAD")))
	list, err := os.ReadFile(filepath.Join(first, "dist", name+".cdx.json"))
	if sum := fmt.Sprintf("%x", sha256.Sum256([]byte(binary))); err != nil || !bytes.Contains(list, []byte(sum)) || !bytes.Contains(list, []byte("pkg:golang/github.com/gobwas/ws@")) {
		t.Errorf("got the list %.300s, %v, want that of the binary with the checksum %s", list, err, sum)
	}
}

func TestSettingsOfWhoMakesAReleaseDoNotCount(t *testing.T) {
	others := map[string]string{"CGO_ENABLED": "1", "GOAMD64": "v3", "GOARM64": "v9.0", "GOEXPERIMENT": "nogreenteagc", "GOFIPS140": "latest", "GOFLAGS": "-tags=x"}
	for name, value := range others {
		t.Setenv(name, value)
	}
	for name, value := range others {
		command := exec.Command("go", "env", name)
		command.Env = environment()
		if got, err := command.Output(); err != nil || strings.TrimSpace(string(got)) == value {
			t.Errorf("%s: got %q, %v, want that of a release and not %s", name, got, err, value)
		}
	}
}

// checkBinary wants a static binary without paths that says where it comes from.
func checkBinary(t *testing.T, content, commit string) {
	t.Helper()
	executable, err := elf.NewFile(strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	for _, program := range executable.Progs {
		if program.Type == elf.PT_INTERP || program.Type == elf.PT_DYNAMIC {
			t.Errorf("got a binary with %v, want a static one", program.Type)
		}
	}
	for _, path := range []string{runtime.GOROOT() + "/src", "/pkg/mod/github.com"} {
		if strings.Contains(content, path) {
			t.Errorf("got %s in the binary, want no path of this machine", path)
		}
	}
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return
	}
	file := filepath.Join(t.TempDir(), "spokehub")
	if err := os.WriteFile(file, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
	got := mustRun(t, "", file, "version")
	want := "spokehub v0.1.0-test.1\ncommit " + commit + "\ndate 2023-11-14T22:13:20Z\n" + runtime.Version() + " linux/amd64\n"
	if got != want {
		t.Errorf("got the version %q, want %q", got, want)
	}
}

func TestReleasesThatCantBeAreRefusedInOneLine(t *testing.T) {
	repository := committed(t)
	if err := os.WriteFile(filepath.Join(repository, "new.txt"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Chdir(repository)
	for name, c := range map[string]struct {
		arguments []string
		want      string
	}{
		"without a version":            {nil, "is no semantic version"},
		"with a version without a v":   {[]string{"-version", "0.1.0"}, `"0.1.0" is no semantic version`},
		"with a version of two parts":  {[]string{"-version", "v0.1"}, `"v0.1" is no semantic version`},
		"with a zero ahead":            {[]string{"-version", "v0.01.0"}, `"v0.01.0" is no semantic version`},
		"with something behind":        {[]string{"-version", "v0.1.0 "}, `"v0.1.0 " is no semantic version`},
		"with another argument":        {[]string{"-version", "v0.1.0", "dist"}, `"dist" is one argument too many`},
		"of a tree that has a change":  {[]string{"-version", "v0.1.0"}, "differs from its commit: new.txt; commit"},
		"of a time that is none":       {[]string{"-version", "v0.1.0"}, ""},
		"of a pre-release, as a check": {[]string{"-version", "v0.1.0-rc.1+b"}, "differs from its commit"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.want == "" {
				t.Setenv("SOURCE_DATE_EPOCH", "yesterday")
				if err := os.Remove("new.txt"); err != nil {
					t.Fatal(err)
				}
				defer os.WriteFile("new.txt", nil, 0o644)
				c.want = `SOURCE_DATE_EPOCH: "yesterday" is no number`
			}
			err := run(append([]string{"-out=" + t.TempDir()}, c.arguments...), io.Discard)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want one line with %q", err, c.want)
			}
		})
	}
}
