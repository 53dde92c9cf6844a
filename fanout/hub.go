package fanout

import (
	"fmt"
	"iter"
	"sync/atomic"

	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/subs"
	"github.com/spokehub/spokehub/wsframe"
)

// Hub fans events out to WebSocket connections. Its methods may be called from any goroutine, callbacks included.
type Hub struct {
	// cfg, loops, indexes and hubParts never change after New.
	cfg   settings
	loops []*loop
	indexes
	hubParts

	// listeners and all below are for any goroutine: atomics, or structs with a lock of their own.
	listeners   listenerSet
	connections connRegistry
	admission   admission
	lifecycle   lifecycle
	counters    hubCounters
	log         hubLog
	shared      hubShared
	slow        slowRing
}

// indexes say who is where. Their parts are the loops. They never change; what they hold has owners of its own.
type indexes struct {
	// index has the topics that spokes are subscribed to.
	index *subs.Index
	// users has the names of users, and as members of each the user's open spokes.
	users *subs.Index
	// presence is who is told of the users of topics; nil if no topic has presence.
	presence *presence
}

// hubParts never change. Each has owners of its own.
type hubParts struct {
	workers    *workers
	httpServer *httpServer
	streams    streams
	// cluster is nil for a hub that stands alone.
	cluster *cluster
}

// hubShared are single values that any goroutine changes.
type hubShared struct {
	// ids is the last ID that a spoke got.
	ids atomic.Uint64
	// heldBytes is the memory that connections hold, over all loops, but for their inboxes; reserved is what Reserve counts.
	heldBytes atomic.Int64
	reserved  atomic.Int64
	// tuneEach says that some listener's connections do not inherit its socket options.
	tuneEach atomic.Bool
	// maxTopics is how many topics a spoke may have.
	maxTopics atomic.Int64
	// rules are the topic rules that hold now, nil if there are none.
	rules atomic.Pointer[topicRules]
	// acceptPaused says that the first loop, whose reactor has the listeners, does not accept for want of descriptors or memory.
	acceptPaused atomic.Bool
}

// New starts a hub. Its reactors and workers run until Shutdown. The error names the field of cfg that makes no sense.
func New(cfg Config) (*Hub, error) {
	s, err := newSettings(cfg)
	if err != nil {
		return nil, err
	}
	h := &Hub{
		cfg:       s,
		indexes:   indexes{index: subs.New(s.Reactors), users: subs.New(s.Reactors)},
		log:       newHubLog(s.Logger),
		admission: admission{empty: make(chan struct{}, 1)},
		lifecycle: newLifecycle(),
	}
	h.presence = newPresence(h)
	h.admission.maxConnections.Store(int64(s.MaxConnections))
	h.admission.addresses.begin(s.MaxConnectionsPerAddress, s.MaxHandshakesPerAddress)
	h.shared.rules.Store(s.topicRules)
	h.shared.maxTopics.Store(int64(s.MaxTopics))
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
	h.streams = newStreams(h)
	h.cluster = newCluster(h)
	h.run()
	if err := h.cluster.start(); err != nil {
		h.cluster = nil
		h.stop()
		return nil, err
	}
	return h, nil
}

// Spokes yields the spokes that are connected now, those of one reactor after those of another. It asks the reactors and
// waits for their answers.
func (h *Hub) Spokes() iter.Seq[*Spoke] {
	return func(yield func(*Spoke) bool) {
		for _, l := range h.loops {
			var spokes []*Spoke
			l.ask(func(*netpoll.Reactor) {
				for s := range l.all() {
					if s.phase == open && s.marks&unidentified == 0 {
						spokes = append(spokes, s)
					}
				}
			})
			for _, s := range spokes {
				if !yield(s) {
					return
				}
			}
		}
	}
}

// Topics yields every topic that has subscribers and how many it has, in no order. A spoke that has just ended with very many
// topics may be counted a little longer.
func (h *Hub) Topics() iter.Seq2[string, int] { return h.index.Topics() }

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

func (h *Hub) maxTopics() int { return int(h.shared.maxTopics.Load()) }

func (h *Hub) nextID() uint64 { return h.shared.ids.Add(1) }

// admit counts a connection in, or says why not.
func (h *Hub) admit(peer peerAddress) *wsframe.Refusal {
	if !h.lifecycle.serving() {
		return refuseDown
	}
	return h.admission.admit(peer)
}

// leastLoaded is the loop with the fewest connections.
func (h *Hub) leastLoaded() *loop {
	best := h.loops[0]
	fewest := best.shared.connections.Load()
	for _, l := range h.loops[1:] {
		if n := l.shared.connections.Load(); n < fewest {
			best, fewest = l, n
		}
	}
	return best
}
