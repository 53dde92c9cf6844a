// Package jsbuild finds or makes the JavaScript client with its tools, for tests and programs that run it. The file that a hub serves is in
// the repository; what npm installs and builds beside it is not.
package jsbuild

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// ErrNoTools says that Node or npm is not installed.
var ErrNoTools = errors.New("Node and npm are needed for the JavaScript client")

// Directory returns a directory with the JavaScript client as npm ci and npm run build leave it: source, the directory js of the
// repository, if they have run there, or else a copy below temporary, which belongs to the caller. That takes some ten seconds and needs the registry
// of npm, or its cache. The error is ErrNoTools, or has what npm said.
func Directory(ctx context.Context, source, temporary string) (string, error) {
	if IsBuilt(source) {
		return source, nil
	}
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "", fmt.Errorf("%w: %w", ErrNoTools, err)
		}
	}
	made := filepath.Join(temporary, "js")
	if err := copySource(source, made); err != nil {
		return "", fmt.Errorf("copy the JavaScript client: %w", err)
	}
	for _, arguments := range [][]string{
		{"ci", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"}, {"run", "--silent", "build"},
	} {
		npm := exec.CommandContext(ctx, "npm", arguments...)
		npm.Dir = made
		if said, err := npm.CombinedOutput(); err != nil {
			return "", fmt.Errorf("npm %s: %w\n%s", arguments[0], err, said)
		}
	}
	return made, nil
}

// IsBuilt reports whether a directory has what npm installs and builds.
func IsBuilt(directory string) bool {
	for _, file := range []string{"dist/worker/index.js", "node_modules/ws/package.json", "node_modules/esbuild/package.json"} {
		if _, err := os.Stat(filepath.Join(directory, file)); err != nil {
			return false
		}
	}
	return true
}

// copySource copies everything but what npm has installed.
func copySource(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for _, entry := range entries {
		source, target := filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())
		switch {
		case entry.Name() == "node_modules":
		case entry.IsDir():
			err = os.CopyFS(target, os.DirFS(source))
		default:
			var text []byte
			if text, err = os.ReadFile(source); err == nil {
				err = os.WriteFile(target, text, 0o644)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}
