//go:build faults && linux

package simulation

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/netpoll"
)

// sim is one run of one seed.
//
// Owners: the recorder and the journal have locks of their own; all else belongs to the goroutine that calls run.
type sim struct {
	seed     uint64
	traits   traits
	patience time.Duration
	hubUnderTest
	endpoints
	journal

	// step is the number of the action that is played.
	step int
	clientTable
	eventTable
	bystanders
	following
	// met counts the faults injected.
	met netpoll.FaultCounts
}

// hubUnderTest is the hub and the recorder of its callbacks.
type hubUnderTest struct {
	hub      *fanout.Hub
	recorder *recorder
	// listeners are those that the run has added.
	listeners []*listener
	// ruleSet is the number of the topic rules that hold.
	ruleSet int
	// renewed says that an identity was renewed soon before it would have expired.
	renewed bool
	// neverKnown is how many clients were cut off that the hub may have let in without an identity.
	neverKnown int
}

// endpoints are how clients reach the hub.
type endpoints struct {
	// port is where the hub serves, and securePort where it speaks TLS; served gets what Serve returns.
	port, securePort int
	served           chan error
	// side is a listener of the driver's own: it accepts connections for AddConnection.
	side *net.TCPListener
}

// bystanders are the clients that the model does not follow.
type bystanders struct {
	hostiles []*hostile
	// innocent is there if hostile clients are.
	innocent *innocent
	// strangers: some connected of whom nobody knows whether the hub took them for clients.
	strangers bool
	// halfHellos never end the beginning of their TLS handshakes.
	halfHellos []*socket
	// came counts strangers by what they did, hostile clients within TLS, and connections that were given back.
	came map[string]int
	// ending: the hub may close whom it likes.
	ending bool
}

// clientTable has all clients that were ever connected, by number, and those in use, by slot.
type clientTable struct {
	clients []*client
	slots   []*client
}

// eventTable has all events that were ever made, by series, and those in flight.
type eventTable struct {
	series   [][]*trackedEvent
	inFlight []*trackedEvent
}

// following is what the model knows of types with policies, and who follows them.
type following struct {
	historyTable
	followers
}

// failure is what a run ends with if the hub breaks a promise.
type failure string

func (s *sim) fail(format string, args ...any) { panic(failure(fmt.Sprintf(format, args...))) }

func (s *sim) logf(format string, args ...any) {
	s.journal.add(fmt.Sprintf("%4d ", s.step) + fmt.Sprintf(format, args...))
}

func newSim(seed uint64, patience time.Duration) *sim {
	s := &sim{seed: seed, traits: traitsOf(seed), patience: patience}
	s.served = make(chan error, 2)
	s.series = make([][]*trackedEvent, 1)
	s.came = make(map[string]int)
	s.historyTable = newHistoryTable(policiesOf(seed))
	s.seats = make([]*follower, s.traits.followers)
	s.followed.results = make(map[string]int)
	return s
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
	for s.step = 1; s.step <= s.traits.actions; s.step++ {
		s.act(dice(s.seed, s.step))
		s.disturb(dice(^s.seed, s.step))
		s.annoy(dice(s.seed, -1000-s.step))
		s.follow(dice(^s.seed, -1000-s.step))
		s.exchange()
	}
	s.end()
	s.verifyNothingLeft(goroutines, descriptors)
	return ""
}

func (s *sim) begin() {
	s.logf("%v", s.traits)
	s.recorder = newRecorder(s)
	cfg := s.traits.config()
	s.recorder.callbacks(&cfg, s.traits)
	netpoll.InjectFaults(s.traits.plan)
	hub, err := fanout.New(cfg)
	if err != nil {
		s.fail("new hub: %v", err)
	}
	s.hub = hub
	s.side = listenTCP(s)
	front := listenTCP(s)
	s.port = front.Addr().(*net.TCPAddr).Port
	go func() { s.served <- hub.Serve(front) }()
	secure := listenTCP(s)
	s.securePort = secure.Addr().(*net.TCPAddr).Port
	go func() { s.served <- hub.ServeListener(secure, fanout.ListenerOptions{TLS: serverTLS()}) }()
	s.slots = make([]*client, s.traits.slots)
}

func listenTCP(s *sim) *net.TCPListener {
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		s.fail("listen: %v", err)
	}
	return l
}

// exchange lets every client send what it can, and read once. It returns whether any did.
func (s *sim) exchange() (progress bool) {
	for _, c := range s.clients {
		if c.gone() {
			continue
		}
		progress = c.flush() || progress
		if !c.stalled && c.spoke != nil && c.read() {
			progress = true
			c.handleFrames()
		}
	}
	for _, h := range s.hostiles {
		progress = h.exchange() || progress
	}
	for _, f := range s.followers.all {
		progress = f.exchange() || progress
	}
	if s.innocent != nil {
		progress = s.innocent.exchange() || progress
	}
	if wrong := s.recorder.failure(); wrong != "" {
		s.fail("%s", wrong)
	}
	return progress
}

// disturb has hostile clients come and attack, while the innocent goes on.
func (s *sim) disturb(r *rand.Rand) {
	if s.traits.hostiles == 0 {
		return
	}
	if s.innocent == nil {
		s.addInnocent(r)
	}
	s.dispatchToInnocent()
	if len(s.hostiles) < s.traits.hostiles && oneIn(r, 4) {
		s.addHostile(r)
	}
	s.attackAll(r)
}

// await exchanges until reached is true. Callbacks that block are unblocked.
func (s *sim) await(what string, reached func() bool) {
	s.recorder.unblockCallbacks()
	if !s.exchangeFor(s.patience, reached) {
		s.fail("waited %v for %s, got nothing\n%s", s.patience, what, s.state())
	}
}

// state describes the clients that are left, as far as the model knows them.
func (s *sim) state() string {
	var lines []string
	for _, c := range s.clients {
		if c.gone() && (c.spoke == nil || s.recorder.recordOf(c.spoke).disconnected == 1) {
			continue
		}
		seen := spokeRecord{}
		if c.spoke != nil {
			seen = s.recorder.recordOf(c.spoke)
		}
		lines = append(lines, fmt.Sprintf("%v: fd %d, %d bytes to send, stalled %v, killed %v, ending %v, close frame %d, %d answers and %d pongs to come, %d of %d events heard, cause %v",
			c, c.fd, len(c.out), c.stalled, c.killed, c.ending, c.code, len(c.replies), len(c.pongs), seen.heard, len(s.seriesOf(c)), seen.cause))
	}
	lines = append(lines, fmt.Sprintf("%+v", s.hub.Stats()))
	return strings.Join(lines, "\n")
}

func (s *sim) exchangeFor(patience time.Duration, reached func() bool) bool {
	idle := 0
	for deadline := time.Now().Add(patience); !reached(); {
		if s.exchange() {
			idle = 0
			continue
		}
		if idle++; idle%idleWaits == 0 {
			netpoll.SkipAhead()
		}
		if time.Now().After(deadline) {
			return false
		}
		s.wait()
	}
	return true
}

// idleWaits is after how many waits without any progress time passes faster for the hub: it may have spokes wait for slow
// readers. That wakes no reactor, since one that forgot to go on must be found out.
const idleWaits = 4

// wait waits until a client can send or read or a callback has run, at most 2 ms.
func (s *sim) wait() {
	waits := []unix.PollFd{{Fd: int32(s.recorder.wakeups), Events: unix.POLLIN}}
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
	waits = s.waitForBystanders(waits)
	_, _ = unix.Poll(waits, 2)
	s.recorder.clearWakeups()
}

func (s *sim) waitForBystanders(waits []unix.PollFd) []unix.PollFd {
	for _, h := range s.hostiles {
		events := int16(0)
		if h.reads && !h.slow {
			events |= unix.POLLIN
		}
		if len(h.out) > 0 {
			events |= unix.POLLOUT
		}
		if h.fd >= 0 && events != 0 {
			waits = append(waits, unix.PollFd{Fd: int32(h.fd), Events: events})
		}
	}
	for _, f := range s.followers.all {
		if f.fd >= 0 && f.pace != stalls {
			waits = append(waits, unix.PollFd{Fd: int32(f.fd), Events: unix.POLLIN})
		}
	}
	if s.innocent != nil && s.innocent.fd >= 0 {
		waits = append(waits, unix.PollFd{Fd: int32(s.innocent.fd), Events: unix.POLLIN})
	}
	return waits
}

// end shuts the hub down and checks what is left. Some seeds kill all clients first.
func (s *sim) end() {
	s.recorder.unblockCallbacks()
	for _, c := range s.clients {
		c.socket.allowed = unlimited
		c.stalled = false
	}
	if s.renewed {
		s.exchangeFor(2*soon, func() bool { return false })
	}
	s.barrier()
	if s.traits.followers > 0 {
		s.quiet()
	}
	s.killHalfHellos()
	s.calm()
	if s.traits.abrupt {
		s.logf("kill all")
		for _, c := range s.clients {
			s.kill(c)
			c.causes[fanout.CauseShutdown] = true
		}
		for _, f := range s.followers.all {
			s.cutFollower(f, nil)
		}
		if s.traits.hostiles == 0 && oneIn(dice(s.seed, -3), 2) {
			s.awaitEmptyIndexes()
		}
	}
	s.logf("shut down")
	for _, c := range s.clients {
		if c.usable() {
			c.wants = fanout.CodeRestart
			c.beginEnd(fanout.CauseShutdown)
		}
	}
	done := make(chan error, 1)
	ctx, cancel := context.WithTimeout(context.Background(), s.patience)
	defer cancel()
	go func() {
		done <- s.hub.Shutdown(ctx)
		s.recorder.wake()
	}()
	finished := false
	s.await("the end of Shutdown", func() bool {
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
	s.await("the end of all connections", func() bool {
		for _, c := range s.clients {
			if !c.gone() {
				return false
			}
		}
		for _, h := range s.hostiles {
			if h.fd >= 0 {
				return false
			}
		}
		for _, f := range s.followers.all {
			if f.fd >= 0 {
				return false
			}
		}
		return s.innocent == nil || s.innocent.fd < 0
	})
	for range cap(s.served) {
		if err := <-s.served; !errors.Is(err, fanout.ErrClosed) {
			s.fail("got %v from Serve, want ErrClosed", err)
		}
	}
	s.side.Close()
	s.verifyRecords()
	s.verifyStats()
	s.met = netpoll.InjectedFaults()
	netpoll.InjectFaults(netpoll.FaultPlan{})
	unix.Close(s.recorder.wakeups)
}
