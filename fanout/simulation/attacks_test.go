//go:build faults && linux

package simulation

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/spokehub/spokehub/event"
)

func (h *hostile) frameOf(first byte, payload string) {
	h.sent++
	h.out = append(h.out, clientFrame(first, payload, uint32(h.sent)*2654435761)...)
}

func (h *hostile) text(message string) { h.frameOf(fin|opText, message) }

func (h *hostile) pingFlood(_ *rand.Rand) {
	for range 1500 {
		h.frameOf(fin|opPing, "")
	}
}

// frameFlood sends pongs and empty fragments of a message.
func (h *hostile) frameFlood(_ *rand.Rand) {
	for range 500 {
		h.frameOf(fin|opPong, "nobody asked")
		h.frameOf(opText, "")
		h.frameOf(opContinuation, "")
		h.frameOf(fin|opContinuation, "")
	}
}

// fragmentFlood sends an event a byte at a time.
func (h *hostile) fragmentFlood(r *rand.Rand) {
	message := h.event(200)
	h.frameOf(opText, message[:1])
	for i := 1; i < len(message); i++ {
		h.frameOf(opContinuation, message[i:i+1])
		if oneIn(r, 50) {
			h.frameOf(fin|opPing, "inside")
		}
	}
	h.frameOf(fin|opContinuation, "")
}

func (h *hostile) control(kind, id string, topics []string) {
	h.sent++
	message := string(event.Append(nil, event.Event{Type: kind, ID: id, Payload: []byte(jsonOf(map[string]any{"topics": topics}))}))
	if len(message) <= h.sim.traits.maxMessage {
		h.text(message)
	}
}

// someNames are n topics with a prefix.
func someNames(prefix string, n int) []string {
	topics := make([]string, n)
	for i := range topics {
		topics[i] = fmt.Sprint(prefix, i)
	}
	return topics
}

func (h *hostile) topicFlood(r *rand.Rand) {
	for range 10 {
		h.control(pick(r, "__subscribe", "__unsubscribe"), pick(r, "", "x"), someNames(hostileType, h.sim.traits.maxTopics+1+r.IntN(200)))
	}
}

func (h *hostile) badTopicFlood(_ *rand.Rand) {
	for range 40 {
		h.control("__subscribe", strings.Repeat("i", 200), someNames(":", min(50, h.sim.traits.maxTopics)))
	}
}

func (h *hostile) churnTopics(r *rand.Rand) {
	for range 100 {
		h.control(pick(r, "__subscribe", "__unsubscribe"), pick(r, "", "x"), someNames(hostileType, 1+r.IntN(3)))
	}
}

// leaveUnfinished sends a part of a message and half a ping, once; then a little more of nothing.
func (h *hostile) leaveUnfinished(r *rand.Rand) {
	if h.sent > 0 {
		return
	}
	h.frameOf(opText, `{"type":"z","payload":"`+strings.Repeat("x", r.IntN(h.sim.traits.maxMessage-100)))
	h.frameOf(fin|opPing, strings.Repeat("p", 100))
	h.out = h.out[:len(h.out)-50]
}

func (h *hostile) floodAfterClose(r *rand.Rand) {
	if h.sent == 0 {
		h.frameOf(fin|opClose, "\x03\xe8")
	}
	h.noise(r)
}

func (h *hostile) floodAfterBreach(r *rand.Rand) {
	if h.sent == 0 {
		h.frameOf(fin|3, "")
	}
	h.noise(r)
}

func (h *hostile) noise(r *rand.Rand) {
	for range 20 << 10 {
		h.out = append(h.out, byte(r.Uint32()))
	}
}

// event is an event of a type that honest clients do not subscribe to.
func (h *hostile) event(pad int) string {
	h.sent++
	return fmt.Sprintf(`{"type":"z","id":"","payload":"%d %s"}`, h.sent, strings.Repeat("x", pad))
}

// floodItself has the driver dispatch what fills a queue.
func (h *hostile) floodItself(_ *rand.Rand) {
	size := h.sim.traits.queueLimit / 4
	for range 3 {
		h.sim.handToHub(event.Event{Type: hostileType, Payload: []byte(`"` + strings.Repeat("x", size) + `"`)})
	}
}

func (h *hostile) relayFlood(_ *rand.Rand) {
	size := min(h.sim.traits.maxMessage, h.sim.traits.queueLimit/4)
	for range 8 {
		h.text(h.event(size - 100))
	}
}

// churnConnections connects, begins a handshake and goes away, whole or in part.
func (h *hostile) churnConnections(r *rand.Rand) {
	for range 5 {
		k := h.sim.dialed(h.sim.port, r)
		k.out = []byte(handshake)[:r.IntN(len(handshake)+1)]
		k.flush()
		h.sim.strangers = true
		k.kill()
	}
}
