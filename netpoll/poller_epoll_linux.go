package netpoll

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	firstEvents = 256
	maxEvents   = 8192
)

// kickToken marks the eventfd in an epoll set; no connection has this slot.
var kickToken = Conn{Slot: ^uint32(0), Gen: ^uint32(0)}

// epollSet is an epoll descriptor and the events that were fetched from it. A token travels in the event itself, so a
// stale event is recognised by its generation.
type epollSet struct {
	epoll  int
	events []unix.EpollEvent
}

func newEpollSet() (epollSet, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return epollSet{}, fmt.Errorf("epoll_create1: %w", err)
	}
	return epollSet{epoll: epoll, events: make([]unix.EpollEvent, firstEvents)}, nil
}

func (s *epollSet) add(fd int32, token Conn, write bool) error {
	return s.control(unix.EPOLL_CTL_ADD, fd, token, interest(true, write))
}

func (s *epollSet) mod(fd int32, token Conn, read, write bool) error {
	return s.control(unix.EPOLL_CTL_MOD, fd, token, interest(read, write))
}

func (s *epollSet) once(fd int32, token Conn, again bool) error {
	op := unix.EPOLL_CTL_ADD
	if again {
		op = unix.EPOLL_CTL_MOD
	}
	return s.control(op, fd, token, interest(true, false)|unix.EPOLLONESHOT)
}

func (s *epollSet) del(fd int32) error {
	return s.control(unix.EPOLL_CTL_DEL, fd, Conn{}, 0)
}

func (s *epollSet) retire(int32) {}

func (s *epollSet) control(op int, fd int32, token Conn, events uint32) error {
	event := unix.EpollEvent{Events: events, Fd: int32(token.Slot), Pad: int32(token.Gen)}
	if err := unix.EpollCtl(s.epoll, op, int(fd), &event); err != nil {
		return watchError("epoll_ctl on", fd, err)
	}
	return nil
}

// watchError says which descriptor the kernel does not watch, and what to raise if there are too many.
func watchError(what string, fd int32, err error) error {
	if errors.Is(err, unix.ENOSPC) {
		return fmt.Errorf("%s descriptor %d: %w: the user of this process has as many as the sysctl fs.epoll.max_user_watches allows: raise that", what, fd, err)
	}
	return fmt.Errorf("%s descriptor %d: %w", what, fd, err)
}

// pass tells the reactor of the first n events, and makes room for more where they have filled it.
func (s *epollSet) pass(n int, r *Reactor) {
	for i := range s.events[:n] {
		e := &s.events[i]
		token := Conn{Slot: uint32(e.Fd), Gen: uint32(e.Pad)}
		if token != kickToken {
			r.ready(token, meaning(e.Events))
		}
	}
	if n == len(s.events) && n < maxEvents {
		s.events = make([]unix.EpollEvent, 2*n)
	}
}

// epollPoller is a wait loop on epoll, level-triggered but for its eventfd.
type epollPoller struct {
	epollSet
	reactor *Reactor
	event   int
	timeout int
}

func newEpollPoller(r *Reactor) (*epollPoller, error) {
	set, err := newEpollSet()
	if err != nil {
		return nil, err
	}
	event, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		unix.Close(set.epoll)
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	p := &epollPoller{epollSet: set, reactor: r, event: event, timeout: -1}
	if err := p.control(unix.EPOLL_CTL_ADD, int32(event), kickToken, unix.EPOLLIN|unix.EPOLLET); err != nil {
		unix.Close(set.epoll)
		unix.Close(event)
		return nil, err
	}
	return p, nil
}

func (p *epollPoller) alarm(ticks uint32) {
	p.timeout = -1
	if ticks > 0 {
		p.timeout = int(time.Duration(ticks) * Tick / time.Millisecond)
	}
}

func (p *epollPoller) kick() { rawKick(p.event) }

func (p *epollPoller) run() {
	defer p.free()
	again := p.reactor.turn()
	for again != stopped {
		n, err := p.wait(again == waitForMore)
		if err != nil {
			p.reactor.fail(fmt.Errorf("epoll_wait: %w", err))
			return
		}
		p.pass(n, p.reactor)
		again = p.reactor.turn()
	}
}

func (p *epollPoller) free() {
	p.reactor.mail.awaitKicks()
	unix.Close(p.epoll)
	unix.Close(p.event)
}

func (p *epollPoller) wait(block bool) (int, error) {
	if !block {
		n, errno := rawPoll(p.epoll, p.events)
		if errno == 0 {
			return n, nil
		}
		if errno == syscall.EINTR {
			return 0, nil
		}
		return 0, errno
	}
	n, err := unix.EpollWait(p.epoll, p.events, p.timeout)
	if err == unix.EINTR {
		return 0, nil
	}
	return n, err
}

func interest(read, write bool) uint32 {
	events := uint32(0)
	if read {
		events |= unix.EPOLLIN | unix.EPOLLRDHUP
	}
	if write {
		events |= unix.EPOLLOUT
	}
	return events
}

func meaning(events uint32) readiness {
	r := readiness(0)
	if events&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		r |= readable
	}
	if events&(unix.EPOLLOUT|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		r |= writable
	}
	if events&(unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		r |= broken
	}
	return r
}
