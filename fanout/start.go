package fanout

import (
	"fmt"

	"github.com/spokehub/spokehub/subs"
)

// New starts a hub: its reactors and workers run from now on, and until Shutdown. The error names the field of cfg that
// makes no sense.
func New(cfg Config) (*Hub, error) {
	s, err := newSettings(cfg)
	if err != nil {
		return nil, err
	}
	h := &Hub{
		cfg:   s,
		index: subs.New(s.Reactors),
		log:   newHubLog(s.Logger),
		admission: admission{
			maxConnections: s.MaxConnections,
			addresses:      addressLimits{maxConnections: s.MaxConnectionsPerAddress, maxHandshakes: s.MaxHandshakesPerAddress},
			empty:          make(chan struct{}, 1),
		},
		lifecycle: lifecycle{closed: make(chan struct{})},
	}
	if h.workers, err = newWorkers(h, s.Workers); err != nil {
		return nil, err
	}
	for i := range s.Reactors {
		l, err := newLoop(h, i)
		if err != nil {
			h.run()
			h.stopLoops()
			h.workers.stop()
			return nil, fmt.Errorf("fanout: Config.Reactors: reactor %d: %w", i, err)
		}
		h.loops = append(h.loops, l)
	}
	h.httpServer = newHTTPServer(h)
	h.run()
	return h, nil
}

func (h *Hub) run() {
	for _, l := range h.loops {
		h.lifecycle.reactors.Go(l.reactor.Run)
	}
}

func (h *Hub) stopLoops() {
	for _, l := range h.loops {
		l.reactor.Stop()
	}
	h.lifecycle.reactors.Wait()
}
