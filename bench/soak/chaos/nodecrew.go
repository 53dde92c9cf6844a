//go:build linux

package main

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spokehub/spokehub/bench/server"
)

//go:embed crew.mjs
var nodeSource string

// nodeCommand runs the clients of crew.mjs. They need the JavaScript client as it is built, and the package ws beside it.
func nodeCommand() (*exec.Cmd, error) {
	node, err := exec.LookPath("node")
	if err != nil {
		return nil, fmt.Errorf("find Node for half of the clients: %w; install it, or leave that half out with -nodes 0", err)
	}
	root, err := server.Output("", "go", "list", "-m", "-f", "{{.Dir}}", "github.com/spokehub/spokehub")
	if err != nil {
		return nil, fmt.Errorf("find the JavaScript client: %w", err)
	}
	library := filepath.Join(root, "js")
	for _, needed := range []string{filepath.Join("dist", "client.js"), filepath.Join("node_modules", "ws")} {
		if _, err := os.Stat(filepath.Join(library, needed)); err != nil {
			return nil, fmt.Errorf("find the JavaScript client: %w; run npm ci in %s, or leave that half out with -nodes 0", err, library)
		}
	}
	return exec.Command(node, "--expose-gc", "--input-type=module", "--eval", nodeSource, "--", library), nil
}
