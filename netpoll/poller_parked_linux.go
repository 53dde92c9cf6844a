package netpoll

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// parkedPoller is an epoll set whose reactor, while there is nothing to do, is parked by Go's runtime like any goroutine
// that waits for a socket: the set itself is in the runtime's poller. The thread then looks for other work at once, and
// the runtime's monitor sleeps, which a blocking system call keeps awake. But only one thread at a time waits for the
// runtime's poller, so it serves where there is one reactor.
//
// A kick is a deadline in the past, an alarm one in the future: the runtime's timers cost no descriptor.
//
// I1: a kick is never overtaken by an alarm: the reactor sets its alarm before it says that it sleeps, and is kicked only
// while it says so.
type parkedPoller struct {
	epollSet
	reactor *Reactor
	file    *os.File
	raw     syscall.RawConn
	// look is p.poll, made once.
	look func(fd uintptr) bool
	// found and err are what poll has brought.
	found int
	err   syscall.Errno
}

func newParkedPoller(r *Reactor) (*parkedPoller, error) {
	set, err := newEpollSet()
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(set.epoll, true); err != nil {
		unix.Close(set.epoll)
		return nil, fmt.Errorf("epoll descriptor: %w", err)
	}
	p := &parkedPoller{epollSet: set, reactor: r, file: os.NewFile(uintptr(set.epoll), "epoll")}
	p.look = p.poll
	if p.raw, err = p.file.SyscallConn(); err != nil {
		return nil, errors.Join(fmt.Errorf("epoll descriptor: %w", err), p.file.Close())
	}
	if err := p.file.SetReadDeadline(time.Time{}); err != nil {
		return nil, errors.Join(fmt.Errorf("park on epoll: %w", err), p.file.Close())
	}
	return p, nil
}

// poll looks once. It says false where nothing is ready, and is called again when something is.
func (p *parkedPoller) poll(uintptr) bool {
	p.found, p.err = rawPoll(p.epoll, p.events)
	return p.found != 0 || p.err != 0
}

func (p *parkedPoller) alarm(ticks uint32) {
	var at time.Time
	if ticks > 0 {
		at = time.Now().Add(time.Duration(ticks) * Tick)
	}
	_ = p.file.SetReadDeadline(at)
}

func (p *parkedPoller) kick() { _ = p.file.SetReadDeadline(past) }

func (p *parkedPoller) run() {
	defer p.file.Close()
	defer p.reactor.mail.awaitKicks()
	for again := p.reactor.turn(); again != stopped; again = p.reactor.turn() {
		if again == lookAgain {
			p.poll(0)
		} else if err := p.raw.Read(p.look); err != nil {
			p.found, p.err = 0, 0
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				p.reactor.fail(fmt.Errorf("epoll: %w", err))
				return
			}
			p.reactor.turns.alarm = alarmUnknown
		}
		if p.err != 0 && p.err != syscall.EINTR {
			p.reactor.fail(fmt.Errorf("epoll_wait: %w", p.err))
			return
		}
		p.pass(max(p.found, 0), p.reactor)
	}
}
