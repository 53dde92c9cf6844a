//go:build faults && linux

package simulation

import (
	"encoding/json"
	"fmt"
	"net"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// mark is what every event of the simulation has in its payload.
type mark struct {
	Stream int    `json:"s"`
	Seq    int    `json:"n"`
	Tick   int    `json:"t"`
	Do     string `json:"do"`
}

func markOf(payload []byte) (m mark, ok bool) {
	m.Seq = -1
	err := json.Unmarshal(payload, &m)
	return m, err == nil && m.Seq >= 0
}

// life is what callbacks have told of one spoke.
type life struct {
	spoke        *fanout.Spoke
	connected    int
	disconnected int
	heard        int
	client       int
	busy         bool
	cause        fanout.Cause
	pressure     *fanout.Backpressure
}

// witness is the far end of all callbacks. Workers call it; mu guards all of it.
//
// I1: callbacks of one spoke never overlap, OnConnection is the first and OnDisconnection the last of them.
// I2: OnEvent sees the events of each client complete and in order.
type witness struct {
	sim    *sim
	mu     sync.Mutex
	lives  map[*fanout.Spoke]*life
	ports  map[int]*fanout.Spoke
	echoes map[[2]int]event.Event
	gate   chan struct{}
	panics uint64
	failed string
	bell   int
}

func newWitness(s *sim) *witness {
	bell, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		s.fail("eventfd: %v", err)
	}
	gate := make(chan struct{})
	close(gate)
	return &witness{sim: s, lives: make(map[*fanout.Spoke]*life), ports: make(map[int]*fanout.Spoke),
		echoes: make(map[[2]int]event.Event), gate: gate, bell: bell}
}

func (w *witness) ring() { _, _ = unix.Write(w.bell, []byte{1, 0, 0, 0, 0, 0, 0, 0}) }

func (w *witness) hush() {
	var told [8]byte
	_, _ = unix.Read(w.bell, told[:])
}

func (w *witness) failLocked(format string, args ...any) {
	if w.failed == "" {
		w.failed = fmt.Sprintf(format, args...)
	}
}

// block makes callbacks that are told to wait for open.
func (w *witness) block() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.openLocked()
	w.gate = make(chan struct{})
}

func (w *witness) open() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.openLocked()
}

func (w *witness) openLocked() {
	select {
	case <-w.gate:
	default:
		close(w.gate)
	}
}

func (w *witness) callbacks(cfg *fanout.Config, t traits) {
	cfg.OnConnection = w.onConnection
	cfg.OnDisconnection = w.onDisconnection
	cfg.OnBackpressure = w.onBackpressure
	if t.onEvent {
		cfg.OnEvent = w.onEvent
	}
	if t.authorize {
		cfg.Authorize = func(s *fanout.Spoke, topic string) bool {
			l := w.enter(s, "Authorize")
			defer w.leave(l)
			return topic != forbiddenTopic
		}
	}
}

func (w *witness) enter(s *fanout.Spoke, what string) *life {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.lives[s]
	if l == nil {
		l = &life{spoke: s, client: -1}
		w.lives[s] = l
	}
	first := what == "OnConnection"
	if first {
		l.connected++
	}
	if l.connected != 1 || l.disconnected != 0 {
		w.failLocked("spoke %d (client %d): got %s after %d OnConnection and %d OnDisconnection", s.ID(), l.client, what, l.connected, l.disconnected)
	}
	if l.busy {
		w.failLocked("spoke %d (client %d): got %s while another callback of it runs", s.ID(), l.client, what)
	}
	l.busy = true
	return l
}

func (w *witness) leave(l *life) {
	w.mu.Lock()
	l.busy = false
	w.mu.Unlock()
	w.ring()
}

func (w *witness) onConnection(s *fanout.Spoke, conn net.Conn) {
	l := w.enter(s, "OnConnection")
	defer w.leave(l)
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok && tcp.Port != 0 {
		w.mu.Lock()
		if l.client < 0 {
			w.ports[tcp.Port] = s
		}
		w.mu.Unlock()
	}
}

func (w *witness) onDisconnection(s *fanout.Spoke, _ net.Conn, cause fanout.Cause) {
	l := w.enter(s, "OnDisconnection")
	defer w.leave(l)
	w.mu.Lock()
	defer w.mu.Unlock()
	l.disconnected++
	l.cause = cause
	if cause.Kind == fanout.CauseBackpressure && l.pressure == nil {
		w.failLocked("client %d: got OnDisconnection for backpressure without OnBackpressure", l.client)
	}
}

func (w *witness) onBackpressure(s *fanout.Spoke, info fanout.Backpressure) {
	l := w.enter(s, "OnBackpressure")
	defer w.leave(l)
	w.mu.Lock()
	defer w.mu.Unlock()
	if l.pressure != nil {
		w.failLocked("client %d: got OnBackpressure twice", l.client)
	}
	l.pressure = &info
	if info.Queued+info.Frame <= info.Limit || info.Queued > info.Limit+closeFrameRoom {
		w.failLocked("client %d: got OnBackpressure for %d queued bytes and a frame of %d with a limit of %d", l.client, info.Queued, info.Frame, info.Limit)
	}
}

// closeFrameRoom is what the handover of control frames may add to a queue beyond its limit.
const closeFrameRoom = 256

type deliberate string

func (w *witness) onEvent(s *fanout.Spoke, e event.Event) {
	l := w.enter(s, "OnEvent")
	defer w.leave(l)
	m, ok := markOf(e.Payload)
	w.mu.Lock()
	switch {
	case !ok:
		w.failLocked("client %d: OnEvent got the payload %q", l.client, e.Payload)
	case l.client >= 0 && relayStream(l.client) != m.Stream:
		w.failLocked("client %d: OnEvent got an event of stream %d", l.client, m.Stream)
	case m.Seq != l.heard:
		w.failLocked("client %d: OnEvent got event %d of its stream, want %d", l.client, m.Seq, l.heard)
	}
	l.heard++
	echo, hasEcho := w.echoes[[2]int{m.Stream, m.Seq}]
	gate := w.gate
	if m.Do == "panic" {
		w.panics++
	}
	w.mu.Unlock()
	if hasEcho {
		w.sim.hub.DispatchEvent(echo)
	}
	switch m.Do {
	case "panic":
		panic(deliberate("OnEvent"))
	case "block":
		<-gate
	case "close":
		s.Close(codeOfSelf, "by its own callback")
	case "remove":
		if live, err := w.sim.hub.RemoveConnection(s.Conn()); err == nil {
			go live.Close()
		}
	}
}

const codeOfSelf = 4000

func (w *witness) life(s *fanout.Spoke) life {
	w.mu.Lock()
	defer w.mu.Unlock()
	if l := w.lives[s]; l != nil {
		return *l
	}
	return life{client: -1}
}

func (w *witness) claim(s *fanout.Spoke, client int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.lives[s]
	if l == nil {
		l = &life{spoke: s}
		w.lives[s] = l
	}
	l.client = client
}

// expect forgets the spoke of an earlier user of a port.
func (w *witness) expect(port int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.ports, port)
}

func (w *witness) at(port int) *fanout.Spoke {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ports[port]
}

func (w *witness) failure() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}
