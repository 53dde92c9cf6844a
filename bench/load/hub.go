//go:build linux

package load

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spokehub/spokehub/bench/swarm"
)

// Hub is Spokehub's own binary.
type Hub struct {
	binary  string
	flags   []string
	version string
}

// BuildHub builds cmd/spokehub of the module whose root is given, into a directory. The flags are for `spokehub serve`.
func BuildHub(root, directory string, flags []string) (*Hub, error) {
	binary := filepath.Join(directory, "spokehub")
	build := exec.Command("go", "build", "-o", binary, "./cmd/spokehub")
	build.Dir = root
	if output, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the hub: %w: %s", err, output)
	}
	describe := exec.Command("git", "describe", "--always", "--dirty")
	describe.Dir = root
	version, err := describe.Output()
	if err != nil {
		version = []byte("unknown revision")
	}
	return &Hub{
		binary: binary, flags: flags,
		version: strings.TrimSpace(string(version)) + ", " + runtime.Version(),
	}, nil
}

// Name is hub.
func (h *Hub) Name() string { return "hub" }

// Version is the revision, and the compiler's.
func (h *Hub) Version() string { return h.version }

// Dialect is the hub's own.
func (h *Hub) Dialect() swarm.Dialect { return swarm.DialectHub }

// Command runs `spokehub serve` on free ports.
func (h *Hub) Command() *exec.Cmd {
	arguments := append([]string{"serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}, h.flags...)
	cmd := exec.Command(h.binary, arguments...)
	cmd.Env = os.Environ()
	return cmd
}
