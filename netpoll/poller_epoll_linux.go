package netpoll

import (
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

// epollPoller is a wait loop on epoll, level-triggered but for its eventfd. A token travels in the event itself, so a
// stale event is recognised by its generation.
type epollPoller struct {
	reactor *Reactor
	epoll   int
	event   int
	timeout int
	events  []unix.EpollEvent
}

func newEpollPoller(r *Reactor) (*epollPoller, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	event, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		unix.Close(epoll)
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	p := &epollPoller{reactor: r, epoll: epoll, event: event, timeout: -1, events: make([]unix.EpollEvent, firstEvents)}
	if err := p.control(unix.EPOLL_CTL_ADD, int32(event), kickToken, unix.EPOLLIN|unix.EPOLLET); err != nil {
		unix.Close(epoll)
		unix.Close(event)
		return nil, err
	}
	return p, nil
}

func (p *epollPoller) add(fd int32, token Conn, write bool) error {
	return p.control(unix.EPOLL_CTL_ADD, fd, token, interest(true, write))
}

func (p *epollPoller) mod(fd int32, token Conn, read, write bool) error {
	return p.control(unix.EPOLL_CTL_MOD, fd, token, interest(read, write))
}

func (p *epollPoller) del(fd int32) error {
	return p.control(unix.EPOLL_CTL_DEL, fd, Conn{}, 0)
}

func (p *epollPoller) retire(int32) {}

func (p *epollPoller) control(op int, fd int32, token Conn, events uint32) error {
	event := unix.EpollEvent{Events: events, Fd: int32(token.Slot), Pad: int32(token.Gen)}
	if err := unix.EpollCtl(p.epoll, op, int(fd), &event); err != nil {
		return fmt.Errorf("epoll_ctl on descriptor %d: %w", fd, err)
	}
	return nil
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
		for i := range p.events[:n] {
			e := &p.events[i]
			token := Conn{Slot: uint32(e.Fd), Gen: uint32(e.Pad)}
			if token != kickToken {
				p.reactor.ready(token, meaning(e.Events))
			}
		}
		if n == len(p.events) && n < maxEvents {
			p.events = make([]unix.EpollEvent, 2*n)
		}
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
