//go:build linux

package swarm

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"

	"golang.org/x/sys/unix"
)

const (
	childEnvironment = "SPOKEHUB_SWARM_CHILD"
	readBuffer       = 256 << 10

	commandDescriptor  = 0
	countersDescriptor = 3
	wakeDescriptor     = 4

	tagCommand = -1
	tagTimer   = -2
	// tagWake needs no read: each write to its descriptor is an edge of its own.
	tagWake = -3
)

// process is a client process. One goroutine does everything, so nothing here has a lock.
// I1: nothing allocates once connections are ready and publishers run, but for what slow spokes are told of.
type process struct {
	clock    clock
	counters *Counters
	// tally is this process's own in counters.
	tally  *tally
	poller *poller
	timer  timer
	groups [MaxGroups]*group
	spokes []spoke
	// connector is nil unless connections are being opened.
	connector  *connector
	publishers [MaxGroups]publisher
	// windowed is true once this process has had a windowed publisher, which others wake.
	windowed bool
	parent   parent
	buffers  buffers
}

// buffers are what one read fills: plain with bytes for a spoke, sealed with those that its TLS has to decrypt.
type buffers struct {
	plain, sealed []byte
}

// RunIfChild turns this process into a client process of a Fleet, and ends it when the parent is done, if the parent started it as one.
// Otherwise it does nothing. A main that starts a Fleet calls it first.
func RunIfChild() {
	number, err := strconv.Atoi(os.Getenv(childEnvironment))
	if err != nil {
		return
	}
	p, err := newProcess(number)
	if err == nil {
		err = p.run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "swarm:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func newProcess(number int) (*process, error) {
	if number < 0 || number >= MaxProcesses {
		return nil, fmt.Errorf("process number %d is not below %d", number, MaxProcesses)
	}
	runtime.GOMAXPROCS(1)
	runtime.LockOSThread()
	debug.SetGCPercent(400)
	if _, err := RaiseFileLimit(); err != nil {
		return nil, err
	}
	counters, err := openCounters(countersDescriptor)
	if err != nil {
		return nil, err
	}
	p := &process{
		clock: newClock(), counters: counters, tally: &counters.page.tallies[number],
		parent:  parent{commands: json.NewDecoder(os.Stdin), answers: json.NewEncoder(os.Stdout)},
		buffers: buffers{plain: make([]byte, readBuffer), sealed: make([]byte, readBuffer)},
	}
	if p.poller, err = newPoller(); err != nil {
		return nil, err
	}
	if p.timer, err = newTimer(); err != nil {
		return nil, err
	}
	for i := range p.groups {
		p.groups[i] = newGroup()
	}
	err = errors.Join(p.poller.add(commandDescriptor, tagCommand), p.poller.add(p.timer.fd, tagTimer))
	if number == 0 {
		err = errors.Join(err, p.poller.add(wakeDescriptor, tagWake))
	}
	return p, err
}

// run tells the parent that the process has started. Then it loops: poll, read, publish what became due, update the counters.
func (p *process) run() error {
	if err := p.parent.answers.Encode(reply{Do: doStart}); err != nil {
		return err
	}
	for !p.parent.done {
		n := p.poller.poll()
		if n == 0 && !p.pump() {
			n = p.sleep()
		}
		p.clock.read()
		for i := range n {
			event := &p.poller.events[i]
			switch event.Fd {
			case tagCommand:
				if err := p.runCommand(); err != nil {
					return err
				}
			case tagTimer:
				p.timer.expired()
			case tagWake:
			default:
				p.spokeEvent(event.Fd, event.Events)
			}
		}
		p.dialMore()
		p.pump()
		for i, g := range p.groups {
			p.tally.delivered[i].Store(g.Delivered)
		}
	}
	return nil
}

// sleep waits for an event. The process of the windowed publisher announces it first, and checks once more for credits.
func (p *process) sleep() int {
	if !p.windowed {
		return p.poller.wait()
	}
	p.counters.page.asleep.Store(1)
	defer p.counters.page.asleep.Store(0)
	if p.pump() {
		return 0
	}
	return p.poller.wait()
}

// pump lets the publishers publish. busy means that one wants to go on at once.
func (p *process) pump() (busy bool) {
	now := p.clock.read()
	earliest := never
	for _, publisher := range p.publishers {
		if publisher != nil {
			earliest = min(earliest, publisher.pump(now))
		}
	}
	for _, g := range p.groups {
		earliest = min(earliest, p.readSlowly(g, now))
	}
	if earliest <= now {
		return true
	}
	p.timer.set(earliest)
	return false
}

// wake wakes the windowed publisher's process.
func (p *process) wake() { unix.Write(wakeDescriptor, []byte{1, 0, 0, 0, 0, 0, 0, 0}) }
