package fanout

import (
	"fmt"
	"sync/atomic"

	"github.com/spokehub/spokehub/internal/proxied"
	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/stream"
	"github.com/spokehub/spokehub/wsframe"
)

// settings are a hub's Config and what follows from it. They never change, but for what Reconfigure changes: the policies and the rates.
type settings struct {
	Config
	// opcode is that of outgoing data messages.
	opcode wsframe.Opcode
	// ping is the one frame that all pings share.
	ping *netpoll.Frame
	// onPath answers handshakes on Config.Path, anyPath those that ServeHTTP gets.
	onPath  *livePolicy
	anyPath *livePolicy
	// topicRules are those that the hub begins with.
	topicRules *topicRules
	// policies are Config.Policies, nil if there are none.
	policies *stream.Policies
	rates    *atomic.Pointer[rateLimits]
	// proxies are Config.TrustedProxies.
	proxies proxied.Networks
	// rated says that the hub began with any rate limit, so that spokes have what they sent counted.
	rated bool
	// maxInflow is how many bytes may wait for a loop before it counts as behind.
	maxInflow int64
}

func newSettings(cfg Config) (settings, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return settings{}, err
	}
	s := settings{
		Config:    cfg,
		opcode:    wsframe.Text,
		ping:      netpoll.NewFrame(wsframe.AppendFrame(nil, wsframe.Ping, nil), false),
		rates:     &atomic.Pointer[rateLimits]{},
		maxInflow: inflowLimit(cfg.QueueLimit, cfg.MemoryBudget, cfg.Reactors),
	}
	rates := newRateLimits(&cfg)
	s.rates.Store(&rates)
	s.rated = rates.any()
	if cfg.Binary {
		s.opcode = wsframe.Binary
	}
	if s.proxies, err = proxied.NewNetworks(cfg.TrustedProxies); err != nil {
		return settings{}, fmt.Errorf("fanout: Config.TrustedProxies: %w", err)
	}
	if s.onPath, err = newPolicy(cfg, cfg.Path); err != nil {
		return settings{}, err
	}
	if s.anyPath, err = newPolicy(cfg, ""); err != nil {
		return settings{}, err
	}
	if len(cfg.Policies) > 0 {
		if s.policies, err = stream.NewPolicies(cfg.Policies); err != nil {
			return settings{}, fmt.Errorf("fanout: Config.Policies: %w", err)
		}
	}
	if cfg.Node != "" && !isNodeName(cfg.Node) {
		return settings{}, fmt.Errorf("fanout: Config.Node: %.80q is no name: want up to %d letters, digits, '.', '-' and '_'", cfg.Node, maxNodeName)
	}
	s.topicRules, err = newTopicRules(cfg.TopicRules)
	return s, err
}

func newPolicy(cfg Config, path string) (*livePolicy, error) {
	p, err := wsframe.NewPolicy(wsframe.PolicyConfig{
		Path: path, Origins: cfg.Origins, Subprotocols: cfg.Subprotocols, Hosts: cfg.Hosts, MaxHead: cfg.MaxHandshake,
	})
	if err != nil {
		return nil, fmt.Errorf("fanout: Config.%w", err)
	}
	return newLivePolicy(p), nil
}

// sockets says how the kernel treats connections.
func (s *settings) sockets() netpoll.Sockets {
	return netpoll.Sockets{
		SendBuffer:  s.SendBuffer,
		UnsentLimit: max(s.UnsentLimit, 0),
		DeferAccept: s.FirstByteTimeout,
	}
}

// behind is how much may wait for a spoke whose socket is full until it is behind with an event of such a type; 0 where it is closed
// when its queue is full.
func (s *settings) behind(p *stream.Policy) int {
	switch p.Behind {
	case stream.Close:
		return 0
	case stream.Latest:
		return min(latestBehind, s.QueueLimit/lagShare)
	default:
		return s.QueueLimit / lagShare
	}
}

// longestKept is how long the frame of an event of a stream may be: it has to fit into a queue beside a gap.
func (s *settings) longestKept() int { return s.QueueLimit - s.QueueLimit/feedShare }
