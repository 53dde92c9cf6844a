//go:build linux

package load

import (
	"fmt"
	"os"
	"path/filepath"
)

// The names of hubs with policies for types, which only differ in these.
const (
	// HubStreams keeps events of all types of the workloads, and closes who does not keep up.
	HubStreams = "hub-streams"
	// HubPolicies has policies for other types alone.
	HubPolicies = "hub-policies"
	// HubCatchUp is HubStreams, and has who does not keep up catch up.
	HubCatchUp = "hub-catch-up"
	// HubLatest is HubStreams, and sends who does not keep up only the newest event of each id.
	HubLatest = "hub-latest"
)

// PolicyNames are the names of all hubs with policies.
var PolicyNames = []string{HubStreams, HubPolicies, HubCatchUp, HubLatest}

// policies is the configuration of each. Rooms keep many events, so that memory can be measured, and so that nothing is trimmed that a spoke has
// yet to catch up with.
var policies = map[string]string{
	HubStreams:  streamsOf("close"),
	HubCatchUp:  streamsOf("catch-up"),
	HubLatest:   streamsOf("latest"),
	HubPolicies: "topics:\n  - {match: price, history: {events: 1000}, behind: latest}\n  - {match: order*, history: {events: 1000}, behind: catch-up}\n  - {match: log*, behind: skip}\n",
}

func streamsOf(behind string) string {
	return fmt.Sprintf("topics:\n  - {match: tick, history: {events: 10000}, behind: %s}\n  - {match: room, history: {events: 100000, bytes: 256MiB}, behind: %[1]s}\n", behind)
}

// BuildHubPolicies is BuildHub for a hub with one of PolicyNames. An echo server has no policies.
func BuildHubPolicies(name, root, directory string, flags []string) (*Target, error) {
	t, err := BuildHub(name, root, directory, flags)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(directory, "spokehub.yaml")
	if err := os.WriteFile(file, []byte(policies[name]), 0o600); err != nil {
		return nil, fmt.Errorf("write the policies of %s: %w", name, err)
	}
	t.streams = name != HubPolicies
	delete(t.Commands, ModeEcho)
	for mode := range t.Commands {
		t.Commands[mode] = append(t.Commands[mode], "--config="+file)
	}
	return t, nil
}
