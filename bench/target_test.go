//go:build linux

package bench

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/bench/load"
)

var (
	builtIn     string
	builtTarget *load.Target
)

// targetUnderTest builds what -server names, once a process.
func targetUnderTest(b *testing.B) *load.Target {
	b.Helper()
	if builtTarget != nil {
		return builtTarget
	}
	directory, err := os.MkdirTemp("", "spokehub-bench-")
	if err != nil {
		b.Fatal(err)
	}
	builtIn = directory
	if builtTarget, err = buildTarget(*serverFlag, directory); err != nil {
		b.Fatal(err)
	}
	return builtTarget
}

func buildTarget(name, directory string) (*load.Target, error) {
	if plain, secure := load.IsSecure(name); secure {
		target, err := buildTarget(plain, directory)
		if err != nil {
			return nil, err
		}
		return target.Secure(directory)
	}
	peer, isPeer := strings.CutPrefix(name, "peer:")
	switch {
	case name == "hub":
		return load.BuildHub("hub", "..", directory, strings.Fields(*serverFlagsFlag))
	case name == load.HubIdentity:
		return load.BuildHubIdentity("..", directory, strings.Fields(*serverFlagsFlag))
	case !isPeer:
		return nil, fmt.Errorf("-server: %q is unknown: say hub, hub-identity, or peer: and one of bun, %s", name, strings.Join(load.PeerNames, ", "))
	case peer == "bun":
		return load.FindBun(os.Stderr)
	}
	binary, err := load.BuildPeers("peers", directory)
	if err != nil {
		return nil, err
	}
	return load.NewPeer(peer, binary)
}
