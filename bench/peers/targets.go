//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spokehub/spokehub/bench/load"
)

// targets makes all servers ready. One that was not asked for by name may be missing: Bun, say, where npm can't install it.
func (c comparison) targets(directory string) (targets []*load.Target, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this executable: %w", err)
	}
	names := c.servers
	if len(names) == 0 {
		names = everybody()
		if c.baseline != "" {
			names = names[:1]
		}
	}
	if c.baseline != "" {
		names = append(slices.Clip(names), baselines(names)...)
	}
	for _, name := range names {
		target, err := c.target(name, self, directory)
		if err != nil && len(c.servers) == 0 && c.baseline == "" && name != "hub" {
			fmt.Fprintf(os.Stderr, "without %s: %v\n", name, err)
			continue
		}
		if err != nil {
			return nil, err
		}
		targets = append(targets, target)
	}
	return targets, nil
}

// baselines are those that hubs of these names are compared with.
func baselines(names []string) (before []string) {
	for _, name := range names {
		plain, secure := load.IsSecure(name)
		switch {
		case secure && plain == "hub":
			before = append(before, baseline+load.SecureSuffix)
		case !secure && !slices.Contains(before, baseline):
			before = append(before, baseline)
		}
	}
	return before
}

// target makes one server ready; self is this executable.
func (c comparison) target(name, self, directory string) (target *load.Target, err error) {
	plain, secure := load.IsSecure(name)
	into := filepath.Join(directory, name)
	if err := os.Mkdir(into, 0o755); err != nil {
		return nil, fmt.Errorf("make a place for %s: %w", name, err)
	}
	switch plain {
	case "hub":
		target, err = load.BuildHub(plain, c.root, into, c.hubFlags)
	case load.HubStreams, load.HubPolicies, load.HubCatchUp, load.HubLatest:
		target, err = load.BuildHubPolicies(plain, c.root, into, c.hubFlags)
	case load.HubIdentity:
		target, err = load.BuildHubIdentity(c.root, into, c.hubFlags)
	case baseline:
		target, err = load.Baseline(c.baseline, c.root, into, c.hubFlags)
	case "bun":
		target, err = load.FindBun(os.Stderr)
	default:
		target, err = load.NewPeer(plain, self)
	}
	if err == nil && secure {
		target, err = target.Secure(into)
	}
	return target, err
}
