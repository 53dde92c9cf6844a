//go:build linux

package main

import (
	"context"
	_ "embed"
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/spokehub/spokehub/bench/server"
	"github.com/spokehub/spokehub/internal/jsbuild"
)

//go:embed crew.mjs
var nodeSource string

// nodeCommand runs the clients of crew.mjs. They need the JavaScript client and the package ws beside it, which are built in the directory
// unless they are where the source is.
func nodeCommand(directory string) (*exec.Cmd, error) {
	source, err := clientSource()
	if err != nil {
		return nil, err
	}
	library, err := jsbuild.Directory(context.Background(), source, directory)
	if err != nil {
		return nil, fmt.Errorf("%w; or leave half of the clients out with -nodes 0", err)
	}
	return exec.Command("node", "--expose-gc", "--input-type=module", "--eval", nodeSource, "--", library), nil
}

// clientSource is where the source of the JavaScript client is.
func clientSource() (string, error) {
	root, err := server.Output("", "go", "list", "-m", "-f", "{{.Dir}}", "github.com/spokehub/spokehub")
	if err != nil {
		return "", fmt.Errorf("find the JavaScript client: %w", err)
	}
	return filepath.Join(root, "js"), nil
}
