package netpoll

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mailru/easygo/netpoll"
	"golang.org/x/sys/unix"
)

// easygoPoller drives a reactor from easygo's wait loop, by its low-level Epoll alone.
//
// The loop has no hook at the end of a batch and no timeout. An eventfd, registered edge-triggered and never read,
// stands in for the first: the first callback of a batch writes it, and its own callback, in the next batch at the
// latest, is the turn. A timerfd stands in for the second.
//
// I1: turnDue is true from the first callback of a batch until the turn that follows; so there is one write a batch.
// I2: a descriptor is Del-ed and closed only in a turn, where no callback for it is still to come in its batch that
// would not be recognised by its token.
// I3: no turn comes before began, which run sets: the loop starts with the Epoll, earlier than the reactor is whole.
// I4: Close is called by run, outside the loop's goroutine; by then no descriptor of a connection is registered.
type easygoPoller struct {
	reactor *Reactor
	epoll   *netpoll.Epoll
	event   int
	timer   int
	began   atomic.Bool
	turnDue bool
	ended   bool
	done    chan struct{}
	finish  sync.Once
}

const easygoClosed netpoll.EpollEvent = 0x20

func newEasygoPoller(r *Reactor) (*easygoPoller, error) {
	p := &easygoPoller{reactor: r, event: -1, timer: -1, done: make(chan struct{})}
	epoll, err := netpoll.EpollCreate(&netpoll.EpollConfig{OnWaitError: p.broken})
	if err != nil {
		return nil, fmt.Errorf("easygo epoll: %w", err)
	}
	p.epoll = epoll
	if err := p.open(); err != nil {
		p.free()
		return nil, err
	}
	return p, nil
}

func (p *easygoPoller) open() (err error) {
	if p.event, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err != nil {
		return fmt.Errorf("eventfd: %w", err)
	}
	if p.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC); err != nil {
		return fmt.Errorf("timerfd: %w", err)
	}
	if err = p.epoll.Add(p.event, unix.EPOLLIN|unix.EPOLLET, p.onKick); err != nil {
		return fmt.Errorf("easygo add eventfd: %w", err)
	}
	if err = p.epoll.Add(p.timer, unix.EPOLLIN|unix.EPOLLET, p.onAlarm); err != nil {
		return fmt.Errorf("easygo add timerfd: %w", err)
	}
	return nil
}

func (p *easygoPoller) add(fd int32, token Conn, write bool) error {
	return p.register(fd, token, interest(true, write))
}

// register forgets, where it fails at first, a descriptor of the same number that was closed without a word, as a connection's former owner
// may do.
func (p *easygoPoller) register(fd int32, token Conn, events uint32) error {
	onReady := func(events netpoll.EpollEvent) { p.onReady(token, events) }
	var err error
	for range 2 {
		if err = p.epoll.Add(int(fd), netpoll.EpollEvent(events), onReady); err == nil {
			return nil
		}
		_ = p.epoll.Del(int(fd))
	}
	return watchError("easygo add", fd, err)
}

func (p *easygoPoller) mod(fd int32, _ Conn, read, write bool) error {
	if err := p.epoll.Mod(int(fd), netpoll.EpollEvent(interest(read, write))); err != nil {
		return fmt.Errorf("easygo mod descriptor %d: %w", fd, err)
	}
	return nil
}

func (p *easygoPoller) once(fd int32, token Conn, again bool) error {
	events := interest(true, false) | unix.EPOLLONESHOT
	if !again {
		return p.register(fd, token, events)
	}
	if err := p.epoll.Mod(int(fd), netpoll.EpollEvent(events)); err != nil {
		return fmt.Errorf("easygo mod descriptor %d: %w", fd, err)
	}
	return nil
}

func (p *easygoPoller) del(fd int32) error {
	if err := p.epoll.Del(int(fd)); err != nil {
		return fmt.Errorf("easygo del descriptor %d: %w", fd, err)
	}
	return nil
}

func (p *easygoPoller) retire(fd int32) { _ = p.epoll.Del(int(fd)) }

func (p *easygoPoller) alarm(ticks uint32) {
	value := unix.NsecToTimespec(int64(time.Duration(ticks) * Tick))
	_ = unix.TimerfdSettime(p.timer, 0, &unix.ItimerSpec{Value: value}, nil)
}

func (p *easygoPoller) kick() { rawKick(p.event) }

func (p *easygoPoller) run() {
	p.began.Store(true)
	p.kick()
	<-p.done
	p.reactor.mail.awaitKicks()
	p.free()
}

func (p *easygoPoller) free() {
	_ = p.epoll.Close()
	if p.event >= 0 {
		unix.Close(p.event)
	}
	if p.timer >= 0 {
		unix.Close(p.timer)
	}
}

func (p *easygoPoller) onReady(token Conn, events netpoll.EpollEvent) {
	if events&easygoClosed != 0 {
		return
	}
	p.dueTurn()
	p.reactor.ready(token, meaning(uint32(events)))
}

func (p *easygoPoller) onAlarm(events netpoll.EpollEvent) {
	if events&easygoClosed == 0 {
		p.dueTurn()
	}
}

func (p *easygoPoller) onKick(events netpoll.EpollEvent) {
	if events&easygoClosed != 0 || p.ended || !p.began.Load() {
		return
	}
	p.turnDue = false
	switch p.reactor.turn() {
	case lookAgain:
		p.dueTurn()
	case stopped:
		p.ended = true
		p.finish.Do(func() { close(p.done) })
	}
}

func (p *easygoPoller) dueTurn() {
	if !p.turnDue {
		p.turnDue = true
		p.kick()
	}
}

func (p *easygoPoller) broken(err error) {
	p.reactor.fail(fmt.Errorf("easygo wait: %w", err))
	p.finish.Do(func() { close(p.done) })
}
