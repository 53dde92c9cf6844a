//go:build faults && linux

package simulation

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/netpoll"
)

// sim is one run of one seed. All of it belongs to the goroutine that calls run, but for what the witness guards.
type sim struct {
	seed    uint64
	traits  traits
	hub     *fanout.Hub
	witness *witness
	side    *net.TCPListener
	served  chan error
	port    int

	tick    int
	slots   []*client
	clients []*client
	streams [][]*shot
	flying  []*shot
	ears    []*ear

	patience time.Duration
	met      netpoll.FaultCounts
	logMu    sync.Mutex
	log      []string
}

// failure is what a run ends with if the hub breaks a promise.
type failure string

func (s *sim) fail(format string, args ...any) { panic(failure(fmt.Sprintf(format, args...))) }

func (s *sim) say(format string, args ...any) {
	s.logMu.Lock()
	defer s.logMu.Unlock()
	s.log = append(s.log, fmt.Sprintf("%4d ", s.tick)+fmt.Sprintf(format, args...))
}

func (s *sim) schedule() string {
	s.logMu.Lock()
	defer s.logMu.Unlock()
	return strings.Join(s.log, "\n")
}

func newSim(seed uint64, patience time.Duration) *sim {
	return &sim{seed: seed, traits: traitsOf(seed), served: make(chan error, 1), streams: make([][]*shot, 1), patience: patience}
}

// run plays the seed and returns what went wrong, or "".
func (s *sim) run() (wrong string) {
	defer func() {
		if v := recover(); v != nil {
			f, ok := v.(failure)
			if !ok {
				panic(v)
			}
			wrong = string(f)
		}
	}()
	goroutines, descriptors := runtime.NumGoroutine(), openDescriptors()
	s.begin()
	for s.tick = 1; s.tick <= s.traits.actions; s.tick++ {
		s.act(dice(s.seed, s.tick))
		s.pass()
	}
	s.end()
	s.nothingLeft(goroutines, descriptors)
	return ""
}

func (s *sim) begin() {
	s.say("%v", s.traits)
	s.witness = newWitness(s)
	cfg := s.traits.config()
	s.witness.callbacks(&cfg, s.traits)
	netpoll.InjectFaults(s.traits.plan)
	hub, err := fanout.New(cfg)
	if err != nil {
		s.fail("new hub: %v", err)
	}
	s.hub = hub
	s.side = listen(s)
	front := listen(s)
	s.port = front.Addr().(*net.TCPAddr).Port
	go func() { s.served <- hub.Serve(front) }()
	s.slots = make([]*client, s.traits.slots)
}

func listen(s *sim) *net.TCPListener {
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		s.fail("listen: %v", err)
	}
	return l
}

// pass lets every client send and read once what it can.
func (s *sim) pass() (progress bool) {
	for _, c := range s.clients {
		if c.gone() {
			continue
		}
		progress = c.flush() || progress
		if !c.stalled && c.spoke != nil && c.read() {
			progress = true
			c.take()
		}
	}
	if wrong := s.witness.failure(); wrong != "" {
		s.fail("%s", wrong)
	}
	return progress
}

// pump works for the clients until reached. Callbacks that wait are let go.
func (s *sim) pump(what string, reached func() bool) {
	s.witness.open()
	if !s.pumpFor(s.patience, reached) {
		s.fail("waiting in vain for %s\n%s", what, s.state())
	}
}

// state tells what the model knows of the clients that are left.
func (s *sim) state() string {
	var lines []string
	for _, c := range s.clients {
		if c.gone() && (c.spoke == nil || s.witness.life(c.spoke).disconnected == 1) {
			continue
		}
		l := life{}
		if c.spoke != nil {
			l = s.witness.life(c.spoke)
		}
		lines = append(lines, fmt.Sprintf("%v: fd %d, %d bytes to send, stalled %v, killed %v, leaving %v, close frame %d, %d answers and %d pongs to come, %d of %d events heard, cause %v",
			c, c.fd, len(c.out), c.stalled, c.killed, c.leaving, c.code, len(c.replies), len(c.pongs), l.heard, len(s.streamOf(c)), l.cause))
	}
	lines = append(lines, fmt.Sprintf("%+v", s.hub.Stats()))
	return strings.Join(lines, "\n")
}

func (s *sim) pumpFor(patience time.Duration, reached func() bool) bool {
	for deadline := time.Now().Add(patience); !reached(); {
		if s.pass() {
			continue
		}
		if time.Now().After(deadline) {
			return false
		}
		s.wait()
	}
	return true
}

func (s *sim) wait() {
	waits := []unix.PollFd{{Fd: int32(s.witness.bell), Events: unix.POLLIN}}
	for _, c := range s.clients {
		if c.gone() {
			continue
		}
		events := int16(0)
		if !c.stalled {
			events |= unix.POLLIN
		}
		if len(c.out) > 0 && c.socket.allowed > 0 {
			events |= unix.POLLOUT
		}
		if events != 0 {
			waits = append(waits, unix.PollFd{Fd: int32(c.fd), Events: events})
		}
	}
	_, _ = unix.Poll(waits, 2)
	s.witness.hush()
}

// end brings all connections to an end, half the time by the hub's.
func (s *sim) end() {
	s.witness.open()
	for _, c := range s.clients {
		c.socket.allowed = unlimited
		c.stalled = false
	}
	s.barrier()
	if s.traits.abrupt {
		s.say("kill all")
		for _, c := range s.clients {
			s.kill(c)
			c.causes[fanout.CauseShutdown] = true
		}
	}
	s.say("shut down")
	for _, c := range s.clients {
		if c.usable() {
			c.wants = fanout.CodeRestart
			c.leave(fanout.CauseShutdown)
		}
	}
	done := make(chan error, 1)
	ctx, cancel := context.WithTimeout(context.Background(), s.patience)
	defer cancel()
	go func() {
		done <- s.hub.Shutdown(ctx)
		s.witness.ring()
	}()
	finished := false
	s.pump("the end of Shutdown", func() bool {
		if finished {
			return true
		}
		select {
		case err := <-done:
			if err != nil {
				s.fail("shut down: %v; %+v", err, s.hub.Stats())
			}
			finished = true
		default:
		}
		return finished
	})
	s.pump("the end of all connections", func() bool {
		for _, c := range s.clients {
			if !c.gone() {
				return false
			}
		}
		return true
	})
	if err := <-s.served; !errors.Is(err, fanout.ErrClosed) {
		s.fail("got %v from Serve, want ErrClosed", err)
	}
	s.side.Close()
	s.verifyLives()
	s.verifyStats()
	s.met = netpoll.InjectedFaults()
	netpoll.InjectFaults(netpoll.FaultPlan{})
	unix.Close(s.witness.bell)
}

func (s *sim) verifyLives() {
	s.witness.mu.Lock()
	defer s.witness.mu.Unlock()
	owners := make(map[*fanout.Spoke]*client)
	for _, c := range s.clients {
		if c.spoke != nil {
			owners[c.spoke] = c
		}
	}
	for spoke, l := range s.witness.lives {
		c := owners[spoke]
		switch {
		case l.connected != 1 || l.disconnected != 1:
			s.fail("client %d: got %d OnConnection and %d OnDisconnection, want one of each", l.client, l.connected, l.disconnected)
		case c == nil && s.traits.plan.Reset > 0:
			continue
		case c == nil:
			s.fail("got callbacks of spoke %d, which is nobody's", spoke.ID())
		case !c.causes[l.cause.Kind]:
			s.fail("%v: got the cause %v, which nobody has caused", c, l.cause)
		}
		if l.pressure != nil && l.pressure.Queued > c.due-c.paid+closeFrameRoom {
			s.fail("%v: got closed for %d queued bytes, where at most %d could be on their way", c, l.pressure.Queued, c.due-c.paid)
		}
		s.verifyHeard(c, l)
	}
	if s.witness.failed != "" {
		s.fail("%s", s.witness.failed)
	}
}

// verifyHeard wants of a client whose end came behind its events that all of them were heard.
func (s *sim) verifyHeard(c *client, l *life) {
	if !s.traits.onEvent {
		return
	}
	switch l.cause.Kind {
	case fanout.CausePeerClosed, fanout.CauseViolation:
		if sent := len(s.streams[relayStream(c.id)]); l.heard != sent {
			s.fail("%v: OnEvent got %d events, want the %d that it sent before its end (%v)", c, l.heard, sent, l.cause)
		}
	}
}

// stats checks the ledger on the way.
func (s *sim) stats() fanout.Stats {
	st := s.hub.Stats()
	accounted := st.Delivered + st.HandedBack + st.DroppedBackpressure + st.DroppedClosed + st.DroppedBudget + st.Queued
	if st.Deliveries != accounted {
		s.fail("ledger: got %d deliveries, want %d delivered + %d handed back + %d + %d + %d dropped + %d queued", st.Deliveries,
			st.Delivered, st.HandedBack, st.DroppedBackpressure, st.DroppedClosed, st.DroppedBudget, st.Queued)
	}
	return st
}

func (s *sim) verifyStats() {
	st := s.stats()
	got := uint64(0)
	for _, c := range s.clients {
		got += c.got
	}
	s.witness.mu.Lock()
	panics := s.witness.panics
	s.witness.mu.Unlock()
	switch {
	case st.Queued != 0 || st.QueuedBytes != 0 || st.Connections != 0 || st.Topics != 0 || st.Subscriptions != 0 || st.Blocked != 0:
		s.fail("left behind: %+v", st)
	case st.Panics != panics:
		s.fail("got %d panics, want %d", st.Panics, panics)
	case got > st.Delivered+st.HandedBack:
		s.fail("clients got %d events, but %d were delivered and %d handed back", got, st.Delivered, st.HandedBack)
	case st.Disconnected != uint64(len(s.witness.lives)):
		s.fail("got %d disconnected, want %d", st.Disconnected, len(s.witness.lives))
	}
}

func (s *sim) nothingLeft(goroutines, descriptors int) {
	for deadline := time.Now().Add(s.patience); runtime.NumGoroutine() > goroutines || openDescriptors() > descriptors; runtime.Gosched() {
		if time.Now().After(deadline) {
			stacks := make([]byte, 64<<10)
			s.fail("left behind: %d goroutines, want %d; %d descriptors, want %d\n%s", runtime.NumGoroutine(), goroutines, openDescriptors(), descriptors,
				stacks[:runtime.Stack(stacks, true)])
		}
		time.Sleep(50 * time.Microsecond)
	}
}

func openDescriptors() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}
