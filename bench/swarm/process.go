//go:build linux

package swarm

import (
	"encoding/binary"
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

	commandDescriptor = 0
	boardDescriptor   = 3
	bellDescriptor    = 4

	tagControl = -1
	tagTimer   = -2
	tagBell    = -3
)

// process is a client process: one goroutine does everything, so nothing here has a lock.
// I1: nothing allocates once connections are ready and publishers run.
type process struct {
	clock      clock
	board      *Board
	tally      *tally
	poller     *poller
	timer      int
	armed      int64
	groups     [MaxGroups]*group
	spokes     []spoke
	connector  *connector
	publishers [MaxGroups]publisher
	commands   *commandReader
	limit      FileLimit
	buffer     []byte
	now        int64
	windowed   bool
	quitting   bool
}

// RunIfChild turns this process into a client process of a Fleet, and ends it when the parent is done, if the parent started it as one. Else
// it does nothing. A main that starts a Fleet calls it first.
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
	limit, err := RaiseFileLimit()
	if err != nil {
		return nil, err
	}
	board, err := openBoard(boardDescriptor)
	if err != nil {
		return nil, err
	}
	poller, err := newPoller()
	if err != nil {
		return nil, err
	}
	timer, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a timer: %w", err)
	}
	p := &process{
		clock: newClock(), board: board, tally: &board.page.tallies[number], poller: poller, timer: timer, armed: never,
		commands: newCommandReader(commandDescriptor, os.Stdout), limit: limit, buffer: make([]byte, readBuffer),
	}
	for i := range p.groups {
		p.groups[i] = newGroup()
	}
	return p, p.watch(number)
}

func (p *process) watch(number int) error {
	if err := unix.SetNonblock(commandDescriptor, true); err != nil {
		return fmt.Errorf("read commands without waiting: %w", err)
	}
	for _, fd := range []struct {
		number int
		tag    int32
	}{{commandDescriptor, tagControl}, {p.timer, tagTimer}, {bellDescriptor, tagBell}} {
		if fd.tag == tagBell && number != 0 {
			continue
		}
		if err := p.poller.add(fd.number, fd.tag); err != nil {
			return err
		}
	}
	return p.commands.answer(reply{Hello: &p.limit})
}

// run is the loop: look at what happened, read it, publish what became due, say what was counted.
func (p *process) run() error {
	for !p.quitting {
		n := p.poller.poll()
		if n == 0 && !p.pump() {
			n = p.sleep()
		}
		p.now = p.clock.now()
		for i := range n {
			event := &p.poller.events[i]
			if event.Fd >= 0 {
				p.spokeEvent(event.Fd, event.Events)
				continue
			}
			if err := p.ownEvent(event.Fd); err != nil {
				return err
			}
		}
		p.dialMore()
		p.pump()
		p.count()
	}
	return nil
}

// ownEvent handles what is no connection. The bell need not be read: each ring is an edge of its own.
func (p *process) ownEvent(tag int32) error {
	switch tag {
	case tagControl:
		return p.takeCommands()
	case tagTimer:
		var expirations [8]byte
		p.armed = never
		readRaw(p.timer, expirations[:])
	}
	return nil
}

// sleep waits for an event. The process of the windowed publisher says so first, and looks once more for credits.
func (p *process) sleep() int {
	if !p.windowed {
		return p.poller.wait()
	}
	p.board.page.asleep.Store(1)
	defer p.board.page.asleep.Store(0)
	if p.pump() {
		return 0
	}
	return p.poller.wait()
}

// pump lets the publishers publish. busy means that one wants to go on at once.
func (p *process) pump() (busy bool) {
	now := p.clock.now()
	earliest := never
	for _, publisher := range p.publishers {
		if publisher != nil {
			earliest = min(earliest, publisher.pump(now))
		}
	}
	if earliest <= now {
		return true
	}
	if earliest != p.armed && earliest != never {
		p.armed = earliest
		spec := unix.ItimerSpec{Value: unix.NsecToTimespec(earliest)}
		unix.TimerfdSettime(p.timer, unix.TFD_TIMER_ABSTIME, &spec, nil)
	}
	return false
}

// ring wakes the windowed publisher's process.
func (p *process) ring() {
	var one [8]byte
	binary.LittleEndian.PutUint64(one[:], 1)
	unix.Write(bellDescriptor, one[:])
}

// count shows the counters to the parent.
func (p *process) count() {
	for i, g := range p.groups {
		p.tally.delivered[i].Store(g.delivered)
	}
}
