package fanout

import (
	"fmt"

	"github.com/spokehub/spokehub/internal/proxied"
	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/wsframe"
)

// settings are a hub's Config and what follows from it. They never change.
type settings struct {
	Config
	// opcode is that of outgoing data messages.
	opcode wsframe.Opcode
	// ping is the one frame that all pings share.
	ping *netpoll.Frame
	// onPath answers handshakes on Config.Path, anyPath those that ServeHTTP gets.
	onPath  *wsframe.Policy
	anyPath *wsframe.Policy
	// proxies are Config.TrustedProxies.
	proxies proxied.Networks
	rates   rateLimits
	// rated says that there is any rate limit.
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
		rates:     newRateLimits(&cfg),
		maxInflow: inflowLimit(cfg.QueueLimit, cfg.MemoryBudget, cfg.Reactors),
	}
	s.rated = s.rates.any()
	if cfg.Binary {
		s.opcode = wsframe.Binary
	}
	if s.proxies, err = proxied.NewNetworks(cfg.TrustedProxies); err != nil {
		return settings{}, fmt.Errorf("fanout: Config.TrustedProxies: %w", err)
	}
	if s.onPath, err = newPolicy(cfg, cfg.Path); err != nil {
		return settings{}, err
	}
	s.anyPath, err = newPolicy(cfg, "")
	return s, err
}

func newPolicy(cfg Config, path string) (*wsframe.Policy, error) {
	p, err := wsframe.NewPolicy(wsframe.PolicyConfig{
		Path: path, Origins: cfg.Origins, Subprotocols: cfg.Subprotocols, Hosts: cfg.Hosts, MaxHead: cfg.MaxHandshake,
	})
	if err != nil {
		return nil, fmt.Errorf("fanout: Config.%w", err)
	}
	return p, nil
}

// sockets says how the kernel treats connections.
func (s *settings) sockets() netpoll.Sockets {
	return netpoll.Sockets{
		SendBuffer:  s.SendBuffer,
		UnsentLimit: max(s.UnsentLimit, 0),
		DeferAccept: s.FirstByteTimeout,
	}
}
