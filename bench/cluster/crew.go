//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/spoke"
)

const (
	// keptType is the type with history that clients resume.
	keptType = "kept"
	// connectsAtOnce is how many clients of a process connect at a time, at the start.
	connectsAtOnce = 500
)

// now is the time on the clock that all processes share, which only goes forward.
func now() time.Duration {
	var at unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &at); err != nil {
		panic(err)
	}
	return time.Duration(at.Nano())
}

// crew is the clients of one process, and the balancer that places their connections. mu guards nodes and next.
type crew struct {
	members []*member
	// moved are those that have to come back from a node.
	moved []*member
	mu    sync.Mutex
	// nodes are the addresses of those that take connections, by number; one that is being restarted has none.
	nodes []string
	next  int
}

// member is one client. Its lock guards all but crew, dialed and client; client is set once dialed is closed.
type member struct {
	crew   *crew
	dialed chan struct{}
	client *spoke.Client
	mu     sync.Mutex
	// node is where its connection is, since is when that began; up is false without one.
	node  int
	since time.Duration
	up    bool
	// current is true once the hub has acknowledged its topic on this connection; back is when.
	current bool
	back    time.Duration
	heard   heard
}

// heard is what a client has got, or several. last is the number of the newest event, 0 before the first; closes are how often a connection was closed, by code.
type heard struct {
	Last, Missing, Repeated, Gaps uint64
	Closes                        map[int]int
}

// add adds what others have got.
func (h *heard) add(other heard) {
	h.Missing, h.Repeated, h.Gaps = h.Missing+other.Missing, h.Repeated+other.Repeated, h.Gaps+other.Gaps
	for code, n := range other.Closes {
		if h.Closes == nil {
			h.Closes = map[int]int{}
		}
		h.Closes[code] += n
	}
}

// start connects clients to path at the nodes, and waits until each has its first event: some have to be published.
func (c *crew) start(count int, path string) error {
	for number := range count {
		if number%connectsAtOnce == 0 {
			if err := await(c.members, startPatience, (*member).isCurrent); err != nil {
				return err
			}
		}
		m := &member{crew: c, dialed: make(chan struct{}), heard: heard{Closes: map[int]int{}}}
		client, err := spoke.Dial(context.Background(), "ws://cluster.localhost"+path, spoke.Config{
			Background: true, DialContext: m.dial, OnState: m.changed, OnGap: m.gap, Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			return err
		}
		m.client = client
		close(m.dialed)
		c.members = append(c.members, m)
		client.AddEventListener(keptType, m.hear)
	}
	return await(c.members, startPatience, func(m *member) bool { return m.isCurrent() && m.has(1) })
}

// dial connects to the next node in turn.
func (m *member) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	number, address, err := m.crew.place()
	if err != nil {
		return nil, err
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err == nil {
		m.mu.Lock()
		m.node = number
		m.mu.Unlock()
	}
	return conn, err
}

// place picks the node of a new connection.
func (c *crew) place() (number int, address string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range c.nodes {
		number = c.next % len(c.nodes)
		if c.next++; c.nodes[number] != "" {
			return number, c.nodes[number], nil
		}
	}
	return 0, "", errors.New("no node takes connections")
}

// offer has a node take connections at an address, or none if that is empty. Then it remembers who has to come back from there, and says how many those are.
func (c *crew) offer(number int, address string) (moved int) {
	c.mu.Lock()
	c.nodes[number] = address
	c.mu.Unlock()
	if address != "" {
		return 0
	}
	c.moved = c.moved[:0]
	for _, m := range c.members {
		m.mu.Lock()
		if m.up && m.node == number {
			c.moved = append(c.moved, m)
		}
		m.mu.Unlock()
	}
	return len(c.moved)
}

// changed takes note of connections that begin and end.
func (m *member) changed(s spoke.State) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.Phase == spoke.Connected {
		m.up, m.current, m.since = true, false, now()
		go m.subscribe(m.since)
		return
	}
	if !m.up {
		return
	}
	m.up, m.current = false, false
	var closed *spoke.CloseError
	if errors.As(s.Err, &closed) {
		m.heard.Closes[closed.Code]++
	}
}

// subscribe waits until the hub has acknowledged the topic on the connection that began then.
func (m *member) subscribe(since time.Duration) {
	<-m.dialed
	if m.client.Subscribe(context.Background(), keptType) != nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.up && m.since == since {
		m.current, m.back = true, now()
	}
}

// gap counts what the hub says will not come.
func (m *member) gap(event.Gap) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.heard.Gaps++
}

// hear checks an event, whose payload is its number.
func (m *member) hear(e event.Event) {
	number, err := strconv.ParseUint(string(e.Payload), 10, 64)
	if err != nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	h := &m.heard
	if number <= h.Last {
		h.Repeated++
		return
	}
	if h.Last > 0 {
		h.Missing += number - h.Last - 1
	}
	h.Last = number
}

func (m *member) isCurrent() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.current
}

// returned says whether the client is back with a connection that began behind a time.
func (m *member) returned(at time.Duration) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.current && m.since > at
}

// has says whether the client has got the event, or a newer one.
func (m *member) has(number uint64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.heard.Last >= number
}

// await waits until something is true of all members.
func await(members []*member, patience time.Duration, holds func(*member) bool) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		lacking := 0
		for _, m := range members {
			if !holds(m) {
				lacking++
			}
		}
		if lacking == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d of %d clients are still not there after %v", lacking, len(members), patience)
		}
	}
}

// returned waits until those are back that have to be, and says how long each took.
func (c *crew) returned(at time.Duration) (took []time.Duration, err error) {
	if err := await(c.moved, returnPatience, func(m *member) bool { return m.returned(at) }); err != nil {
		return nil, err
	}
	for _, m := range c.moved {
		m.mu.Lock()
		took = append(took, m.back-at)
		m.mu.Unlock()
	}
	return took, nil
}

// tell adds up what clients have got of so many events. Those that have not come count as missing.
func (c *crew) tell(events uint64) (total heard) {
	for _, m := range c.members {
		m.mu.Lock()
		m.heard.Missing += events - min(m.heard.Last, events)
		total.add(m.heard)
		m.mu.Unlock()
	}
	return total
}

// close ends all clients.
func (c *crew) close() error {
	var closing sync.WaitGroup
	var failed atomic.Int64
	for _, m := range c.members {
		closing.Go(func() {
			if m.client.Close() != nil {
				failed.Add(1)
			}
		})
	}
	closing.Wait()
	if n := failed.Load(); n > 0 {
		return fmt.Errorf("%d clients could not be closed", n)
	}
	return nil
}
