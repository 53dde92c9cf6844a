package fanout

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"runtime/debug"
	"strings"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/stream"
)

// nodesChannel is the control channel on which hubs tell each other that they are there.
const nodesChannel = "nodes"

// heartbeat is what they tell. Members that a hub does not know it ignores, so releases may add some.
type heartbeat struct {
	Node        string    `json:"node"`
	Version     string    `json:"version,omitempty"`
	Connections int       `json:"connections"`
	Claim       nameClaim `json:"claim"`
	// Digest is that of the policies. Policies are their texts, for hubs that have not had them yet.
	Digest   string   `json:"digest"`
	Policies []string `json:"policies,omitempty"`
	// Presence is the number of the last message about presence, and one more; 0 where no policy has presence.
	Presence uint64 `json:"presence,omitempty"`
	// IsBye says that the hub ends.
	IsBye bool `json:"bye,omitempty"`
}

// parseHeartbeat reads one, and refuses what no hub writes.
func parseHeartbeat(body []byte) (heartbeat, error) {
	var b heartbeat
	if len(body) > maxHeartbeat {
		return b, fmt.Errorf("%w: a heartbeat of %d bytes", broker.ErrGarbage, len(body))
	}
	if err := json.Unmarshal(body, &b); err != nil {
		return b, fmt.Errorf("%w: a heartbeat: %w", broker.ErrGarbage, err)
	}
	if !isNodeName(b.Node) || b.Connections < 0 || b.Claim > nameYielded || len(b.Version) > maxNodeName || len(b.Digest) > maxNodeName {
		return b, fmt.Errorf("%w: a heartbeat of %.64q", broker.ErrGarbage, b.Node)
	}
	return b, nil
}

// maxHeartbeat is how many bytes one may have: letters of policies may take six each.
const maxHeartbeat = 6*maxPolicyTexts + 16<<10

// maxPolicyTexts is how many bytes the texts of policies may have to be told others.
const maxPolicyTexts = 32 << 10

// nodeIdentity is what a hub tells of itself that never changes.
type nodeIdentity struct {
	name, version, digest string
	policies              []string
}

func newNodeIdentity(c *cluster) nodeIdentity {
	id := nodeIdentity{name: nodeName(c.hub.cfg.Node, c.origin), version: release()}
	length := 0
	for i := range c.hub.cfg.Policies {
		text := policyText(&c.hub.cfg.Policies[i])
		id.policies = append(id.policies, text)
		length += len(text)
	}
	id.digest = digestOf(id.policies)
	if length > maxPolicyTexts {
		id.policies = nil
	}
	return id
}

// digestOf is the same for the same texts.
func digestOf(texts []string) string {
	sum := fnv.New64a()
	_, _ = io.WriteString(sum, strings.Join(texts, "\n"))
	return hex.EncodeToString(sum.Sum(nil))
}

// noPolicies is the digest of a hub without any.
var noPolicies = digestOf(nil)

// policyText has what hubs need to agree on of a policy: of its interest, whether events are sent with their ids. What happens to a spoke that is behind, each hub may decide for
// itself; but it needs the policy, since its Match and its place among the others say which one holds for a type.
func policyText(p *stream.Policy) string {
	text := p.Match + ":"
	if h := p.History; !h.IsZero() {
		if h.Bytes == 0 {
			h.Bytes = stream.DefaultBytes
		}
		text += fmt.Sprintf(" history events=%d bytes=%d age=%v latest-per-id=%v", h.Events, h.Bytes, h.Age, h.LatestPerID)
	}
	if p.Presence {
		text += " presence"
	}
	if asksIDs(p) {
		text += " interest=id"
	}
	return text
}

// differingPolicies are the first policies of two hubs that differ, "none" for one that a hub does not have. The policies of a hub that has very many are not known.
func differingPolicies(here, there []string) (ours, theirs string) {
	if len(here) == 0 && len(there) == 0 {
		return "too many to tell", "too many to tell"
	}
	for i := range max(len(here), len(there)) {
		ours, theirs = "none", "none"
		if i < len(here) {
			ours = here[i]
		}
		if i < len(there) {
			theirs = there[i]
		}
		if ours != theirs {
			return ours, theirs
		}
	}
	return "", ""
}

// modulePath is that of this module.
const modulePath = "github.com/spokehub/spokehub"

// release is the version of this module that the program was built with.
func release() string {
	info, found := debug.ReadBuildInfo()
	if !found {
		return "(devel)"
	}
	modules := append([]*debug.Module{&info.Main}, info.Deps...)
	for _, m := range modules {
		if m.Path == modulePath && m.Version != "" && len(m.Version) <= maxNodeName {
			return m.Version
		}
	}
	return "(devel)"
}
