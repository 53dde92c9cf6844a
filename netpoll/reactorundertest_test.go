package netpoll

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if run := os.Getenv(childVariable); run != "" {
		os.Exit(children[run]())
	}
	goleak.VerifyTestMain(m)
}

// childVariable names what this binary does instead of testing, when a test starts it again.
const childVariable = "NETPOLL_TEST_CHILD"

// children are the programs that tests run in a process of their own.
var children = map[string]func() int{}

// waitLimit is how long a test waits for what must come; it is a guard against hanging, not an expectation.
const waitLimit = time.Minute

// recorder is a Handler that keeps what it is told. Its on functions run first, on the reactor's goroutine; events may be
// awaited from the test's.
type recorder struct {
	onInput    func(slot uint32, view []byte)
	onHangup   func(slot uint32, err error)
	onOverflow func(slot uint32, queued, frame int)
	onDrained  func(slot uint32)
	onExpired  func(slot uint32)
	onSecured  func(slot uint32, err error)
	onAccepted func(listener uint32, a Accepted)
	onTurn     func()
	onPanicked func(slot uint32, value any)

	mu     sync.Mutex
	events []string
	moved  chan struct{}
}

func newRecorder() *recorder { return &recorder{moved: make(chan struct{}, 1)} }

func (h *recorder) note(format string, args ...any) {
	h.mu.Lock()
	h.events = append(h.events, fmt.Sprintf(format, args...))
	h.mu.Unlock()
	select {
	case h.moved <- struct{}{}:
	default:
	}
}

func (h *recorder) list() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.events)
}

// await returns when some event begins with prefix.
func (h *recorder) await(t testing.TB, prefix string) string {
	t.Helper()
	guard := time.NewTimer(waitLimit)
	defer guard.Stop()
	for {
		for _, e := range h.list() {
			if strings.HasPrefix(e, prefix) {
				return e
			}
		}
		select {
		case <-h.moved:
		case <-guard.C:
			t.Fatalf("got events %q, want one that begins with %q", h.list(), prefix)
		}
	}
}

func (h *recorder) count(prefix string) int {
	n := 0
	for _, e := range h.list() {
		if strings.HasPrefix(e, prefix) {
			n++
		}
	}
	return n
}

// Input records.
func (h *recorder) Input(slot uint32, view []byte) {
	if h.onInput != nil {
		h.onInput(slot, view)
		return
	}
	h.note("input %q", view)
}

// Securing records.
func (h *recorder) Securing(slot uint32) { h.note("securing") }

// Secured records.
func (h *recorder) Secured(slot uint32, err error) {
	if h.onSecured != nil {
		h.onSecured(slot, err)
	}
	h.note("secured %v", err)
}

// Hangup records.
func (h *recorder) Hangup(slot uint32, err error) {
	if h.onHangup != nil {
		h.onHangup(slot, err)
	}
	h.note("hangup %v", err)
}

// Overflow records.
func (h *recorder) Overflow(slot uint32, queued, frame int) {
	if h.onOverflow != nil {
		h.onOverflow(slot, queued, frame)
	}
	h.note("overflow %d %d", queued, frame)
}

// Filling records.
func (h *recorder) Filling(slot uint32) { h.note("filling") }

// Drained records.
func (h *recorder) Drained(slot uint32) {
	if h.onDrained != nil {
		h.onDrained(slot)
	}
	h.note("drained")
}

// Expired records.
func (h *recorder) Expired(slot uint32) {
	if h.onExpired != nil {
		h.onExpired(slot)
	}
	h.note("expired")
}

// Accepted records.
func (h *recorder) Accepted(listener uint32, a Accepted) {
	if h.onAccepted != nil {
		h.onAccepted(listener, a)
	}
	h.note("accepted")
}

// AcceptFailed records.
func (h *recorder) AcceptFailed(listener uint32, err error) { h.note("accepting %v", err) }

// Turn calls on.
func (h *recorder) Turn() {
	if h.onTurn != nil {
		h.onTurn()
	}
}

// Panicked records.
func (h *recorder) Panicked(slot uint32, value any, stack []byte) {
	if h.onPanicked != nil {
		h.onPanicked(slot, value)
	}
	h.note("panicked %v", value)
}

// Failed records.
func (h *recorder) Failed(err error) { h.note("failed %v", err) }

// start runs a reactor until the test ends.
func start(t testing.TB, cfg Config) *Reactor {
	t.Helper()
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	go r.Run()
	t.Cleanup(r.Stop)
	return r
}

// on runs f as the reactor's goroutine, which waits for it, and waits until the turn is over. f has a goroutine of its own,
// so that a failure that ends it ends the test and not the reactor.
func on(t testing.TB, r *Reactor, f func()) {
	t.Helper()
	done := make(chan bool, 1)
	if !r.Post(TaskFunc(func(r *Reactor) { apart(r, done, f) })) {
		t.Fatal("got a task refused, want it run")
	}
	if !<-done {
		t.FailNow()
	}
	awaitTurn(r)
}

// awaitTurn returns when a turn has begun behind the one that was under way.
func awaitTurn(r *Reactor) {
	first := turnOf(r)
	for turn := first; turn == first && turn != stoppedTurn; {
		turn = turnOf(r)
	}
}

const stoppedTurn = ^uint64(0)

func turnOf(r *Reactor) uint64 {
	turn := make(chan uint64, 1)
	if !r.Post(TaskFunc(func(r *Reactor) { turn <- r.turns.count })) {
		return stoppedTurn
	}
	return <-turn
}

// apart reports whether f has returned.
func apart(r *Reactor, done chan<- bool, f func()) {
	ended := make(chan struct{})
	go func() {
		returned := false
		defer close(ended)
		defer func() { done <- returned }()
		defer lendOwner(r)()
		f()
		returned = true
	}()
	<-ended
}

// stillPoller is a poller for reactors that a test drives by hand. It keeps what each descriptor is watched for.
type stillPoller struct {
	watched map[int32]interestOf
	alarms  []uint32
	kicks   int
	fail    error
	onAlarm func()
}

type interestOf struct {
	token       Conn
	read, write bool
}

func (p *stillPoller) add(fd int32, token Conn, write bool) error {
	if p.fail == nil {
		p.watched[fd] = interestOf{token, true, write}
	}
	return p.fail
}

func (p *stillPoller) mod(fd int32, token Conn, read, write bool) error {
	if p.fail == nil {
		p.watched[fd] = interestOf{token, read, write}
	}
	return p.fail
}

func (p *stillPoller) once(fd int32, token Conn, _ bool) error {
	return p.add(fd, token, false)
}

func (p *stillPoller) del(fd int32) error { delete(p.watched, fd); return nil }
func (p *stillPoller) retire(fd int32)    { delete(p.watched, fd) }
func (p *stillPoller) kick()              { p.kicks++ }
func (p *stillPoller) run()               {}

func (p *stillPoller) alarm(ticks uint32) {
	p.alarms = append(p.alarms, ticks)
	if p.onAlarm != nil {
		p.onAlarm()
	}
}

// still makes a reactor that does nothing by itself.
func still(t testing.TB, cfg Config) (*Reactor, *stillPoller) {
	t.Helper()
	cfg.Engine = EngineGoroutine
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	p := &stillPoller{watched: make(map[int32]interestOf)}
	r.poller = p
	return r, p
}

// stillLink makes a connection without a descriptor whose goroutines do not run: a test takes its jobs.
func stillLink(r *Reactor, conn net.Conn) (uint32, *link) {
	n := r.openSlot()
	r.conns.table.At(n).state |= linked
	l := &link{
		reactor: r,
		token:   r.Conn(n),
		conn:    conn,
		in:      linkReader{asked: true},
		out:     linkWriter{jobs: make(chan linkJob, 1)},
		ending:  linkEnding{quit: make(chan struct{})},
	}
	r.links.bySlot[n] = l
	return n, l
}

// slotsOf takes n slots that no socket stands behind.
func slotsOf(r *Reactor, n int) []uint32 {
	members := make([]uint32, n)
	for i := range members {
		members[i] = r.openSlot()
	}
	return members
}
