//go:build linux

package load

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spokehub/spokehub/bench/swarm"
)

// PeerNames are the Go peers that bench/peers serves.
var PeerNames = []string{"gorilla", "gws", "nbio", "centrifuge", "nats", "gobwas"}

// Peer is a server from the module bench/peers.
type Peer struct {
	name, binary, version string
}

// BuildPeers builds bench/peers, whose directory is given, and returns its executable.
func BuildPeers(source, directory string) (binary string, err error) {
	binary = filepath.Join(directory, "peers")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Dir = source
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the peers: %w: %s", err, output)
	}
	return binary, nil
}

// NewPeer is the peer with this name, served by the executable that BuildPeers made.
func NewPeer(name, binary string) (*Peer, error) {
	if !slices.Contains(PeerNames, name) {
		return nil, fmt.Errorf("unknown peer %q: bun, %s", name, strings.Join(PeerNames, ", "))
	}
	version, err := exec.Command(binary, "version", name).Output()
	if err != nil {
		return nil, fmt.Errorf("ask for the version of %s: %w", name, err)
	}
	return &Peer{name: name, binary: binary, version: strings.TrimSpace(string(version))}, nil
}

// Name is the peer's.
func (p *Peer) Name() string { return p.name }

// Version is that of its Go module.
func (p *Peer) Version() string { return p.version }

// Dialect is the hub's, but for those that have a protocol of their own.
func (p *Peer) Dialect() swarm.Dialect {
	dialect, err := swarm.ParseDialect(p.name)
	if err != nil {
		return swarm.DialectHub
	}
	return dialect
}

// Command serves the peer.
func (p *Peer) Command() *exec.Cmd { return exec.Command(p.binary, "serve", p.name) }
