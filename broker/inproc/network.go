package inproc

import (
	"bytes"
	"sync"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
)

// Network connects engines. Any goroutine may use it.
type Network struct {
	mu      sync.Mutex
	engines []*Engine
	streams map[string]*sequence
	epochs  int
	isFull  bool
	watch   Watch
}

// Watch is told of what happens to streams, in order: of each event that is appended, with its position and message, which are borrowed as typ is, and, with a nil
// message, of each epoch that begins, with the position of the last event that it has from the epoch before, or offset 0. It is called under the
// network's lock, so it must return soon and may call nothing of the network or an engine.
type Watch func(typ string, at event.Position, message []byte)

// SetWatch has w be told from now on. It may be called once, ahead of the first call of an engine.
func (n *Network) SetWatch(w Watch) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.watch = w
}

// tellWatchLocked tells the watch, if there is one.
func (n *Network) tellWatchLocked(typ string, at event.Position, message []byte) {
	if n.watch != nil {
		n.watch(typ, at, message)
	}
}

// New returns a network without engines.
func New() *Network { return &Network{streams: make(map[string]*sequence)} }

// Engine returns a new engine on the network, for one hub.
func (n *Network) Engine() *Engine {
	e := &Engine{network: n, keys: make(map[broker.Key]bool), queue: newQueue()}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.engines = append(n.engines, e)
	return e
}

// SetFull has streams take no event, as an engine does whose disk or memory is full, until it is called with false.
func (n *Network) SetFull(isFull bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.isFull = isFull
}

// Wipe drops all streams, with what they know of keys: they begin anew, with other epochs.
func (n *Network) Wipe() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.streams)
}

// Regress takes the newest events of a type's stream away that it had acknowledged, as a failover does. The stream has another epoch
// then. It says how many it took, at most events.
func (n *Network) Regress(typ string, events int) (taken int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.streams[typ]
	if s == nil {
		return 0
	}
	n.epochs++
	taken = s.regress(events, n.epochs)
	n.tellWatchLocked(typ, event.Position{Epoch: s.epoch, Offset: s.top}, nil)
	return taken
}

// Restart has all engines lose their connections and make new ones: what is on its way to them is lost. Those that are cut off stay so.
func (n *Network) Restart() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, e := range n.engines {
		e.reconnectLocked("restart")
	}
}

// publishLocked hands a message to the engines that are subscribed to its key.
func (n *Network) publishLocked(key broker.Key, at event.Position, data []byte) {
	whole := broker.Key{Kind: key.Kind, Type: key.Type}
	for _, e := range n.engines {
		if e.keys[whole] {
			e.arriveLocked(key, false, at, data)
		}
		if key.ID != "" && e.keys[key] {
			e.arriveLocked(key, true, at, data)
		}
	}
}

// arriveLocked puts a message into the queue of an engine, unless a fault keeps it away.
func (e *Engine) arriveLocked(key broker.Key, byID bool, at event.Position, data []byte) {
	f := &e.faults
	if e.isCut || f.Deaf {
		return
	}
	if f.Drop > 0 {
		f.Drop--
		return
	}
	d := broker.Delivery{Kind: key.Kind, ByID: byID, Position: at, Data: bytes.Clone(data)}
	if key.Kind == broker.Control {
		d.Name = key.Type
	}
	times := 1
	if f.Repeat > 0 {
		f.Repeat--
		times = 2
	}
	for range times {
		if e.queue.put(item{delivery: d, kind: itemDelivery}) {
			e.overflowed = false
		} else if !e.overflowed {
			e.overflowed = true
			e.queue.putAlways(item{kind: itemLost, reason: "the queue was full"})
		}
	}
}
