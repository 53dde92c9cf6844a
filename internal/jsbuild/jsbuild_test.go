package jsbuild_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/spokehub/spokehub/internal/jsbuild"
)

// TestDirectoryMakesTheClientInACopy runs npm, which takes some ten seconds.
func TestDirectoryMakesTheClientInACopy(t *testing.T) {
	if os.Getenv("CI") != "true" || os.Getenv("FOREIGN") == "skip" {
		t.Skip("npm takes ten seconds: it runs with CI=true, and not with FOREIGN=skip")
	}
	temporary := t.TempDir()
	source := filepath.Join(temporary, "source")
	if err := os.CopyFS(source, sourceOnly{os.DirFS(filepath.Join("..", "..", "js"))}); err != nil {
		t.Fatal(err)
	}
	made, err := jsbuild.Directory(t.Context(), source, temporary)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(made, "dist", "worker", "index.js")); err != nil || made == source {
		t.Errorf("got %s, %v, want a copy with the worker part", made, err)
	}
	if again, err := jsbuild.Directory(t.Context(), made, temporary); err != nil || again != made {
		t.Errorf("got %s, %v for a directory that is built, want itself", again, err)
	}
}

func TestWithoutToolsTheErrorSaysSo(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := jsbuild.Directory(t.Context(), t.TempDir(), t.TempDir()); !errors.Is(err, jsbuild.ErrNoTools) {
		t.Errorf("got %v, want ErrNoTools", err)
	}
}

// sourceOnly leaves out what npm has installed.
type sourceOnly struct{ fs.FS }

// ReadDir is that of fs.ReadDirFS.
func (s sourceOnly) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(s.FS, name)
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return e.Name() == "node_modules" }), err
}
