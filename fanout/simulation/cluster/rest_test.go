package cluster

import (
	"fmt"

	"github.com/spokehub/spokehub/stream"
)

// longSeeds: one seed in so many has rests, which take as long as hubs linger.
const longSeeds = 8

// isLong says whether the seed has rests.
func (w *world) isLong() bool { return w.seed%longSeeds == 0 }

// rest lets clients read, some of them unsubscribe, and waits until each hub asks the broker only for what its clients need of types without a stream.
func (w *world) rest() string {
	w.note("a rest")
	for _, c := range w.connected() {
		c.gate.open()
		if len(c.topics) > 0 && w.chance(50) {
			t := w.ofClient(c)
			c.unsubscribe(t)
			w.note("%s unsubscribes from %s", c.name(), t)
		}
	}
	if fault := w.barriers(); fault != "" {
		return fault
	}
	for _, n := range w.alive() {
		var got, want int
		isSettled := awaitTrue(func() bool {
			st := n.hub.Stats()
			got, want = int(st.BrokerKeys-st.BrokerStreams), w.keysOf(n)
			return got == want
		})
		if !isSettled {
			return fmt.Sprintf("hub %d asks the broker for %d keys, %v, want %d", n.number, got, n.engine.Keys(), want)
		}
	}
	w.note("rested")
	return ""
}

// keysOf is for how many keys of types without a stream a hub needs to ask: for a type as a whole, or for single ids.
func (w *world) keysOf(n *node) int {
	keys := map[string]bool{}
	for _, c := range w.connected() {
		if c.node != n {
			continue
		}
		for topic := range c.topics {
			switch typ := typeOf(topic); {
			case isStream(typ):
			case policyOf(typ).Interest != stream.ByType:
				keys[topic] = true
			default:
				keys[typ] = true
			}
		}
	}
	count := 0
	for key := range keys {
		if typ := typeOf(key); typ == key || !keys[typ] {
			count++
		}
	}
	return count
}
