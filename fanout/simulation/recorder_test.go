//go:build faults && linux

package simulation

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// stamp is the payload of every event: its series and its number there, the step that made it, and what the callback does that
// sees it.
type stamp struct {
	Series int    `json:"s"`
	Seq    int    `json:"n"`
	Step   int    `json:"t"`
	Do     string `json:"do"`
}

func stampOf(payload []byte) (m stamp, ok bool) {
	m.Seq = -1
	err := json.Unmarshal(payload, &m)
	return m, err == nil && m.Seq >= 0
}

// spokeRecord is what the callbacks of one spoke have shown.
type spokeRecord struct {
	spoke *fanout.Spoke
	// client is the number of the client it belongs to, -1 while that is unknown.
	client int
	// user is whom the last callback saw.
	user         string
	connected    int
	disconnected int
	// heard is the number of events that OnEvent has seen.
	heard int
	// busy is true while a callback runs.
	busy     bool
	cause    fanout.Cause
	pressure *fanout.Backpressure
}

// recorder records and checks all callbacks. Workers call it; mu guards all of it but sim and wakeups, which never change.
//
// I1: callbacks of one spoke never overlap, OnConnection is the first and OnDisconnection the last of them.
// I2: OnEvent sees the events of each client complete and in order.
type recorder struct {
	sim     *sim
	mu      sync.Mutex
	records map[*fanout.Spoke]*spokeRecord
	// ports has the spokes that Serve has accepted, by the client's port.
	ports map[int]*fanout.Spoke
	// echoes has the events that OnEvent dispatches in answer to others, by series and number of those.
	echoes map[[2]int]event.Event
	// gate is closed unless callbacks that are told to block shall wait.
	gate chan struct{}
	// panics is the number of deliberate panics.
	panics uint64
	// suspicions have the first event of a client, by its number, that had an effect though it should have had none.
	suspicions map[int]string
	// failed is the first broken promise.
	failed string
	// wakeups is an eventfd on which the driver waits for callbacks.
	wakeups int
}

func newRecorder(s *sim) *recorder {
	wakeups, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		s.fail("eventfd: %v", err)
	}
	gate := make(chan struct{})
	close(gate)
	return &recorder{sim: s, records: make(map[*fanout.Spoke]*spokeRecord), ports: make(map[int]*fanout.Spoke),
		echoes: make(map[[2]int]event.Event), suspicions: make(map[int]string), gate: gate, wakeups: wakeups}
}

func (r *recorder) wake() { _, _ = unix.Write(r.wakeups, []byte{1, 0, 0, 0, 0, 0, 0, 0}) }

// clearWakeups empties the eventfd.
func (r *recorder) clearWakeups() {
	var count [8]byte
	_, _ = unix.Read(r.wakeups, count[:])
}

func (r *recorder) failLocked(format string, args ...any) {
	if r.failed == "" {
		r.failed = fmt.Sprintf(format, args...)
	}
}

func (r *recorder) fail(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failLocked(format, args...)
}

// suspect notes that an event of a client has had an effect.
func (r *recorder) suspect(client int, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.suspectLocked(client, format, args...)
}

func (r *recorder) suspectLocked(client int, format string, args ...any) {
	if r.suspicions[client] == "" {
		r.suspicions[client] = fmt.Sprintf(format, args...)
	}
}

// blockCallbacks makes callbacks that are told to block wait for unblockCallbacks.
func (r *recorder) blockCallbacks() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unblockCallbacksLocked()
	r.gate = make(chan struct{})
}

func (r *recorder) unblockCallbacks() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unblockCallbacksLocked()
}

func (r *recorder) unblockCallbacksLocked() {
	select {
	case <-r.gate:
	default:
		close(r.gate)
	}
}

// callbacks sets the callbacks of a hub.
func (r *recorder) callbacks(cfg *fanout.Config, t traits) {
	cfg.OnConnection = r.onConnection
	cfg.OnDisconnection = r.onDisconnection
	cfg.OnBackpressure = r.onBackpressure
	if t.onEvent {
		cfg.OnEvent = r.onEvent
	}
	if t.onSubscribe {
		cfg.OnSubscribe = func(s *fanout.Spoke, topic string) error {
			seen := r.beginCallback(s, "OnSubscribe")
			defer r.endCallback(seen)
			if topic == forbiddenTopic {
				return errForbidden
			}
			r.checkAsked(s, seen, topic)
			return nil
		}
	}
	if t.onPublish {
		cfg.OnPublish = func(s *fanout.Spoke, e event.Event) error {
			seen := r.beginCallback(s, "OnPublish")
			defer r.endCallback(seen)
			if e.ID == forbiddenID {
				return errForbidden
			}
			if of, uncovered := uncoveredOf(e.Payload); uncovered && seen.client != hostileSpoke && seen.client != followerSpoke {
				r.suspect(of, "OnPublish was asked about %s:%s, which the spoke may not publish", e.Type, e.ID)
			}
			return nil
		}
	}
	if t.snapshots {
		cfg.OnSubscribed = r.onSubscribed
	}
	if t.identities {
		cfg.OnHandshake = onHandshake
		cfg.OnAuth = r.onAuth
	}
}

var errForbidden = errors.New("forbidden")

func (r *recorder) beginCallback(s *fanout.Spoke, what string) *spokeRecord {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := r.records[s]
	if seen == nil {
		seen = &spokeRecord{spoke: s, client: -1}
		r.records[s] = seen
	}
	first := what == "OnConnection"
	if first {
		seen.connected++
	}
	if seen.connected != 1 || seen.disconnected != 0 {
		r.failLocked("spoke %d (client %d): got %s after %d OnConnection and %d OnDisconnection", s.ID(), seen.client, what, seen.connected, seen.disconnected)
	}
	if seen.busy {
		r.failLocked("spoke %d (client %d): got %s while another callback of it runs", s.ID(), seen.client, what)
	}
	if user := s.Identity().User; seen.user != "" && user != seen.user {
		r.failLocked("client %d: %s got the user %q, want %q as before", seen.client, what, user, seen.user)
	} else {
		seen.user = user
	}
	seen.busy = true
	return seen
}

func (r *recorder) endCallback(seen *spokeRecord) {
	r.mu.Lock()
	seen.busy = false
	r.mu.Unlock()
	r.wake()
}

func (r *recorder) onConnection(s *fanout.Spoke, conn net.Conn) {
	seen := r.beginCallback(s, "OnConnection")
	defer r.endCallback(seen)
	r.identifyInside(s)
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok && tcp.Port != 0 {
		r.mu.Lock()
		if seen.client < 0 {
			r.ports[tcp.Port] = s
		}
		r.mu.Unlock()
	}
}

func (r *recorder) onDisconnection(s *fanout.Spoke, _ net.Conn, cause fanout.Cause) {
	seen := r.beginCallback(s, "OnDisconnection")
	defer r.endCallback(seen)
	r.mu.Lock()
	defer r.mu.Unlock()
	seen.disconnected++
	seen.cause = cause
	if cause.Kind == fanout.CauseBackpressure && seen.pressure == nil {
		r.failLocked("client %d: got OnDisconnection for backpressure without OnBackpressure", seen.client)
	}
}

func (r *recorder) onBackpressure(s *fanout.Spoke, info fanout.Backpressure) {
	seen := r.beginCallback(s, "OnBackpressure")
	defer r.endCallback(seen)
	r.mu.Lock()
	defer r.mu.Unlock()
	if seen.pressure != nil {
		r.failLocked("client %d: got OnBackpressure twice", seen.client)
	}
	seen.pressure = &info
	room := closeFrameRoom
	if seen.client == followerSpoke {
		room += followerAnswer
	}
	if info.Queued+info.Frame <= info.Limit || info.Queued > info.Limit+room {
		r.failLocked("client %d: got OnBackpressure for %d queued bytes and a frame of %d with a limit of %d", seen.client, info.Queued, info.Frame, info.Limit)
	}
}

const (
	// closeFrameRoom is how far control frames may take a queue over its limit, followerAnswer how much farther an answer with positions may.
	closeFrameRoom = 256
	followerAnswer = 512
)

// deliberatePanic is what callbacks panic with when told to.
type deliberatePanic string

func (r *recorder) onEvent(s *fanout.Spoke, e event.Event) {
	seen := r.beginCallback(s, "OnEvent")
	defer r.endCallback(seen)
	m, ok := stampOf(e.Payload)
	r.mu.Lock()
	if of, uncovered := uncoveredOf(e.Payload); uncovered && seen.client != hostileSpoke && seen.client != followerSpoke {
		r.suspectLocked(of, "OnEvent got %s:%s, which the spoke may not publish", e.Type, e.ID)
		r.mu.Unlock()
		return
	}
	switch {
	case seen.client == hostileSpoke || seen.client == followerSpoke:
	case !ok:
		r.failLocked("client %d: OnEvent got the payload %q", seen.client, e.Payload)
	case seen.client >= 0 && relaySeries(seen.client) != m.Series:
		r.failLocked("client %d: OnEvent got an event of series %d", seen.client, m.Series)
	case m.Seq != seen.heard:
		r.failLocked("client %d: OnEvent got event %d of its series, want %d", seen.client, m.Seq, seen.heard)
	}
	seen.heard++
	echo, hasEcho := r.echoes[[2]int{m.Series, m.Seq}]
	gate := r.gate
	if m.Do == "panic" {
		r.panics++
	}
	r.mu.Unlock()
	if hasEcho {
		r.sim.hub.DispatchEvent(echo)
	}
	switch m.Do {
	case "panic":
		panic(deliberatePanic("OnEvent"))
	case "block":
		<-gate
	case "close":
		s.Close(codeOfCallback, "by its own callback")
	case "remove":
		if live, err := r.sim.hub.RemoveConnection(s.Conn()); err == nil {
			go live.Close()
		}
	}
}

// codeOfCallback is the close code of spokes that a callback closes.
const codeOfCallback = 4000

func (r *recorder) recordOf(s *fanout.Spoke) spokeRecord {
	r.mu.Lock()
	defer r.mu.Unlock()
	if seen := r.records[s]; seen != nil {
		return *seen
	}
	return spokeRecord{client: -1}
}

// assign notes which client a spoke belongs to.
func (r *recorder) assign(s *fanout.Spoke, client int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := r.records[s]
	if seen == nil {
		seen = &spokeRecord{spoke: s}
		r.records[s] = seen
	}
	seen.client = client
}

// forgetPort forgets the spoke of an earlier client with the same port.
func (r *recorder) forgetPort(port int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.ports, port)
}

// spokeAt returns the spoke of the client with a port, nil before OnConnection.
func (r *recorder) spokeAt(port int) *fanout.Spoke {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ports[port]
}

func (r *recorder) failure() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}
