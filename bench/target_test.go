//go:build linux

package bench

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/bench/load"
)

var (
	builtIn string
	// builtTargets are those that have been built, by name.
	builtTargets = map[string]*load.Target{}
)

// streaming are the servers of workloads for which -server hub is not enough.
var streaming = map[string]string{"throttled": load.HubLatest, "resume": load.HubStreams, "kept": load.HubStreams}

// targetUnderTest builds what -server names, once a process.
func targetUnderTest(b *testing.B, label string) *load.Target {
	b.Helper()
	name := *serverFlag
	if name == "hub" {
		name = cmp.Or(streaming[label], name)
	}
	if built := builtTargets[name]; built != nil {
		return built
	}
	if builtIn == "" {
		directory, err := os.MkdirTemp("", "spokehub-bench-")
		if err != nil {
			b.Fatal(err)
		}
		builtIn = directory
	}
	directory := filepath.Join(builtIn, strings.ReplaceAll(name, ":", "-"))
	if err := os.Mkdir(directory, 0o755); err != nil {
		b.Fatal(err)
	}
	built, err := buildTarget(name, directory)
	if err != nil {
		b.Fatal(err)
	}
	builtTargets[name] = built
	return built
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
	case slices.Contains(load.PolicyNames, name):
		return load.BuildHubPolicies(name, "..", directory, strings.Fields(*serverFlagsFlag))
	case !isPeer:
		return nil, fmt.Errorf("-server: %q is unknown: say hub, hub-identity, %s, or peer: and one of bun, %s", name, strings.Join(load.PolicyNames, ", "), strings.Join(load.PeerNames, ", "))
	case peer == "bun":
		return load.FindBun(os.Stderr)
	}
	binary, err := load.BuildPeers("peers", directory)
	if err != nil {
		return nil, err
	}
	return load.NewPeer(peer, binary)
}
