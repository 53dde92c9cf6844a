//go:build linux

package swarm

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/spokehub/spokehub/event"
)

const connectsAtOnce = 256

// connector opens the connections of one plan, a limited number at a time.
// I1: opening is how many have been opened and are neither ready nor failed.
type connector struct {
	plan   Plan
	server unix.SockaddrInet4
	// request is that of all clients, or empty if each shows a token of its own; asked is how many have sent theirs.
	request []byte
	asked   int
	opened  int
	opening int
	ready   int
	failed  int
	began   int64
	// tls is nil for a server without it.
	tls *tls.Config
}

func newConnector(plan Plan, now int64) (*connector, error) {
	address, err := netip.ParseAddrPort(plan.Address)
	if err != nil || !address.Addr().Is4() {
		return nil, fmt.Errorf("the server's address %q is not an IPv4 address and port", plan.Address)
	}
	c := &connector{plan: plan, server: unix.SockaddrInet4{Addr: address.Addr().As4(), Port: int(address.Port())}, began: now}
	if c.tls, err = plan.TLSConfig(); err != nil {
		return nil, err
	}
	if c.tls != nil && plan.Slow.Rate > 0 {
		return nil, errors.New("spokes over TLS can't be slow: a record is read as a whole")
	}
	if plan.Secret == "" {
		c.request = plan.Handshake(0)
	}
	return c, nil
}

// nextRequest is the handshake of the next client.
func (c *connector) nextRequest() []byte {
	c.asked++
	if len(c.request) > 0 {
		return c.request
	}
	return c.plan.Handshake(c.plan.First + c.asked)
}

// dialMore keeps as many connections opening as are allowed at once, and answers the command when all are ready.
func (p *process) dialMore() {
	c := p.connector
	if c == nil {
		return
	}
	for c.opened < c.plan.Count && c.opening < connectsAtOnce {
		p.dialOne(c)
	}
	if c.opened == c.plan.Count && c.opening == 0 {
		p.connector = nil
		p.parent.answers.Encode(reply{Do: doConnect, Count: c.ready, Nanos: p.clock.read() - c.began})
	}
}

func (p *process) dialOne(c *connector) {
	index := c.opened
	c.opened++
	fd, err := c.dial(index)
	if err == nil {
		err = p.poller.add(fd, int32(len(p.spokes)))
	}
	if err != nil {
		c.failed++
		p.groups[c.plan.Group].closed(err.Error())
		return
	}
	c.opening++
	topic := c.plan.FirstTopic + (c.plan.First+index)%max(c.plan.Topics, 1)
	s := spoke{fd: int32(fd), group: uint8(c.plan.Group), topic: uint32(topic), checked: c.plan.Subscribe, expect: startAt(c.plan.From)}
	if c.plan.Both {
		s.second = &secondTopic{expect: startAt(c.plan.From)}
	}
	if c.plan.Whole {
		s.rooms = newRooms(c.plan)
	}
	if c.plan.Slow.Rate > 0 {
		s.slow = &slowReader{slot: int32(len(p.spokes))}
	}
	if c.tls != nil {
		s.secure = newSecure(int32(fd), c.tls)
	}
	if !c.plan.Subscribe {
		s.writer = &writer{fd: int32(fd), secure: s.secure}
	}
	p.spokes = append(p.spokes, s)
}

// dial begins a connection from an address of its own within 127.0.0.0/8, so that ports don't run out.
func (c *connector) dial(seed int) (fd int, err error) {
	if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
		return 0, fmt.Errorf("open a socket: %w", err)
	}
	err = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	if err == nil && !c.plan.Subscribe {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	if err == nil && c.plan.Slow.Rate > 0 {
		err = c.plan.Slow.prepare(fd)
	}
	source := unix.SockaddrInet4{Addr: SourceAddress(c.plan.First + seed)}
	if err == nil {
		err = unix.Bind(fd, &source)
	}
	if err == nil {
		err = unix.Connect(fd, &c.server)
	}
	if err != nil && err != unix.EINPROGRESS {
		unix.Close(fd)
		return 0, fmt.Errorf("connect from %v to %s: %w", source.Addr, c.plan.Address, err)
	}
	return fd, nil
}

// SourceAddress spreads connections over 127.1.0.1 to 127.250.249.250, by their number.
func SourceAddress(number int) [4]byte {
	return [4]byte{127, byte(1 + number/62500%250), byte(number / 250 % 250), byte(1 + number%250)}
}

// connected follows the handshake: it sends what the dialect begins with, and subscribes.
func (p *process) connected(s *spoke) {
	plan := &p.connector.plan
	first := plan.Dialect.appendConnect(nil)
	if plan.Subscribe {
		var ack []byte
		if plan.Ack {
			ack = []byte("s")
		}
		if plan.Both {
			first = plan.Dialect.appendSubscribe(first, 0, nil)
		}
		switch {
		case plan.Whole:
			first = appendSubscribeRooms(first, ack)
		case plan.Since != event.Position{}:
			first = appendSubscribeSince(first, plan.Since, ack)
		default:
			first = plan.Dialect.appendSubscribe(first, s.topic, ack)
		}
	}
	s.state = stateSubscribing
	p.send(s, first)
	if !plan.Subscribe || !plan.Ack {
		p.subscribed(s)
	}
}

func (p *process) subscribed(s *spoke) {
	s.state = stateReady
	p.connector.opening--
	p.connector.ready++
	p.tally.ready.Add(1)
	if s.checked {
		p.groups[s.group].join(s.topic)
	}
	if s.slow != nil {
		p.slowDown(s)
	}
}
