//go:build faults && linux

package simulation

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// innocent is an honest client that shares a hub with hostile ones. It always reads, and little is ever on its way to it, so that nothing
// excuses the hub: it gets every event, in order, and nobody closes it.
type innocent struct {
	*socket
	sim   *sim
	spoke *fanout.Spoke
	// dispatched counts the events for it, arrived those that have come; subscribed is true once its subscription is in force.
	dispatched int
	arrived    int
	subscribed bool
	closed     bool
}

const (
	innocentType = "w"
	// maxOnTheWay is how many events are on their way to an innocent at most.
	maxOnTheWay = 3
)

func (s *sim) addInnocent(r *rand.Rand) {
	k, conn := s.pairOf(pick(r, "tcp", "unix", "link"), r)
	w := &innocent{socket: k, sim: s}
	spoke, err := s.hub.AddConnection(conn)
	if err != nil {
		s.fail("add an innocent: %v", err)
	}
	w.spoke = spoke
	s.recorder.assign(spoke, hostileSpoke)
	s.innocent = w
	w.out = append(w.out, clientFrame(fin|opText, `{"type":"__subscribe","id":"w","payload":{"topic":"`+innocentType+`"}}`, r.Uint32())...)
	s.await("the subscription of an innocent", func() bool { return w.subscribed })
}

// dispatchToInnocent dispatches an event to the innocent, if it has read most of those before.
func (s *sim) dispatchToInnocent() {
	w := s.innocent
	if w.dispatched-w.arrived >= maxOnTheWay {
		return
	}
	s.handToHub(event.Event{Type: innocentType, Payload: fmt.Append(nil, w.dispatched)})
	w.dispatched++
}

func (w *innocent) exchange() (progress bool) {
	progress = w.flush()
	if w.fd < 0 || !w.read() {
		return progress
	}
	for {
		op, payload, ok, err := w.frame()
		switch {
		case err != nil:
			w.sim.fail("the innocent got %v", err)
		case !ok:
			w.endIfOver()
			return true
		case op == opPing:
			w.out = append(w.out, clientFrame(fin|opPong, "", 1)...)
		case op == opClose:
			w.closeFrame(payload)
		case strings.HasPrefix(string(payload), `{"type":"__ack"`):
			w.subscribed = true
		default:
			if want := fmt.Sprintf(`{"type":"w","id":"","payload":%d}`, w.arrived); string(payload) != want {
				w.sim.fail("the innocent got %.100q, want %s", payload, want)
			}
			w.arrived++
		}
	}
}

func (w *innocent) closeFrame(payload []byte) {
	w.closed = true
	code := binary.BigEndian.Uint16(append(payload, 0, 0))
	if !w.sim.ending || code != fanout.CodeRestart {
		w.sim.fail("the innocent got closed with %d", code)
	}
	if w.arrived != w.dispatched {
		w.sim.fail("the innocent got closed after %d events, want all %d first", w.arrived, w.dispatched)
	}
}

func (w *innocent) endIfOver() {
	if !w.ended {
		return
	}
	if !w.closed {
		w.sim.fail("the innocent got the end without a close frame, %v", w.failed)
	}
	w.close()
}
