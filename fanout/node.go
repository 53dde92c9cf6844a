package fanout

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// ErrDuplicateNode says that another hub of the cluster has this one's Config.Node, and had it first. BrokerState.Err wraps it.
var ErrDuplicateNode = errors.New("another hub of the cluster has the same name: give each its own")

// Node is a hub of the cluster, as another one knows it.
type Node struct {
	// Name is its Config.Node, and Version the release that it runs, "(devel)" for none.
	Name, Version string
	// IsSelf says that it is the hub that was asked.
	IsSelf bool
	// Since is when the hub that was asked has heard of it first, and of itself when it began; Heard when last, and of itself now.
	Since, Heard time.Time
	// Connections is how many it had at the last heartbeat, at most five seconds before Heard.
	Connections int
	// HasSamePolicies says that its Config.Policies agree with those of the hub that was asked.
	HasSamePolicies bool
	// IsDuplicate says that another hub had the name before it.
	IsDuplicate bool
}

// Nodes are the hubs of the cluster that this one knows, itself included, by name; nil for a hub without a broker. Hubs tell each other every
// five seconds that they are there: one that begins is known within a second, one that ends at once, and one that dies is forgotten 15 seconds later.
// While the broker is away nothing changes. It takes a lock and copies; any goroutine may call it.
func (h *Hub) Nodes() []Node {
	if h.cluster == nil {
		return nil
	}
	nodes := h.cluster.nodes.list()
	slices.SortFunc(nodes, func(a, b Node) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(rankOf(&a), rankOf(&b)), a.Since.Compare(b.Since))
	})
	return nodes
}

// rankOf has, of hubs of one name, the one come first that has it.
func rankOf(n *Node) int {
	if n.IsDuplicate {
		return 1
	}
	return 0
}

// maxNodeName is how many bytes Config.Node may have.
const maxNodeName = 64

// isNodeName says whether a hub may be called so.
func isNodeName(name string) bool {
	return name != "" && len(name) <= maxNodeName && strings.IndexFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
	}) < 0
}

// nodeName is the name of a hub that has been given none: that of the machine, as far as it may be one, and some digits of its origin, since there may be
// others on the machine.
func nodeName(given string, origin uint64) string {
	if given != "" {
		return given
	}
	host, _ := os.Hostname()
	if host, _, _ = strings.Cut(host, "."); !isNodeName(host) || len(host) > maxNodeName/2 {
		host = "hub"
	}
	return fmt.Sprintf("%s-%06x", host, origin>>40)
}
