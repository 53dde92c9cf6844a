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

// witness is an honest client that shares a hub with hostile ones. It always reads, and little is ever on its way to it, so that nothing
// excuses the hub: it gets every event, in order, and nobody closes it.
type witness struct {
	*socket
	sim   *sim
	spoke *fanout.Spoke
	// dispatched counts the events for it, arrived those that have come; answered is true once it is subscribed.
	dispatched int
	arrived    int
	subscribed bool
	closed     bool
}

const (
	witnessType = "w"
	// maxOnTheWay is how many events are on their way to a witness at most.
	maxOnTheWay = 3
)

func (s *sim) addWitness(r *rand.Rand) {
	k, conn := s.pairOf(pick(r, "tcp", "unix", "link"), r)
	w := &witness{socket: k, sim: s}
	spoke, err := s.hub.AddConnection(conn)
	if err != nil {
		s.fail("add a witness: %v", err)
	}
	w.spoke = spoke
	s.recorder.assign(spoke, hostileSpoke)
	s.witness = w
	w.out = append(w.out, clientFrame(fin|opText, `{"type":"__subscribe","id":"w","payload":{"topic":"`+witnessType+`"}}`, r.Uint32())...)
	s.await("the subscription of a witness", func() bool { return w.subscribed })
}

// dispatchToWitness dispatches an event to the witness, if it has read most of those before.
func (s *sim) dispatchToWitness() {
	w := s.witness
	if w.dispatched-w.arrived >= maxOnTheWay {
		return
	}
	s.handToHub(event.Event{Type: witnessType, Payload: fmt.Append(nil, w.dispatched)})
	w.dispatched++
}

func (w *witness) exchange() (progress bool) {
	progress = w.flush()
	if w.fd < 0 || !w.read() {
		return progress
	}
	for {
		op, payload, ok, err := w.frame()
		switch {
		case err != nil:
			w.sim.fail("the witness got %v", err)
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
				w.sim.fail("the witness got %.100q, want %s", payload, want)
			}
			w.arrived++
		}
	}
}

func (w *witness) closeFrame(payload []byte) {
	w.closed = true
	code := binary.BigEndian.Uint16(append(payload, 0, 0))
	if !w.sim.ending || code != fanout.CodeRestart {
		w.sim.fail("the witness got closed with %d", code)
	}
	if w.arrived != w.dispatched {
		w.sim.fail("the witness got closed after %d events, want all %d first", w.arrived, w.dispatched)
	}
}

func (w *witness) endIfOver() {
	if !w.ended {
		return
	}
	if !w.closed {
		w.sim.fail("the witness got the end without a close frame, %v", w.failed)
	}
	w.close()
}
