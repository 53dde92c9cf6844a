//go:build linux

package swarm

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

const connectsAtOnce = 256

// connector opens the connections of one plan, a limited number at a time.
// I1: opening is how many have been opened and are neither ready nor failed.
type connector struct {
	plan    Plan
	server  unix.SockaddrInet4
	request []byte
	opened  int
	opening int
	ready   int
	failed  int
	began   int64
}

func newConnector(plan Plan, now int64) (*connector, error) {
	address, err := netip.ParseAddrPort(plan.Address)
	if err != nil || !address.Addr().Is4() {
		return nil, fmt.Errorf("the server's address %q is not an IPv4 address and port", plan.Address)
	}
	return &connector{
		plan:    plan,
		server:  unix.SockaddrInet4{Addr: address.Addr().As4(), Port: int(address.Port())},
		request: Handshake(plan.Path, plan.Address),
		began:   now,
	}, nil
}

// finished reports whether nothing is left to open or to wait for.
func (c *connector) finished() bool {
	return c.opened == c.plan.Count && c.opening == 0
}

// topic is that of the spoke with this number in the plan.
func (c *connector) topic(index int) uint32 {
	return uint32(c.plan.FirstTopic + (c.plan.First+index)%max(c.plan.Topics, 1))
}

// dial begins a connection from an address of its own within 127.0.0.0/8, so that ports don't run out.
func (c *connector) dial(seed int) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("open a socket: %w", err)
	}
	if err := c.bindAndConnect(fd, seed); err != nil {
		unix.Close(fd)
		return 0, err
	}
	return fd, nil
}

func (c *connector) bindAndConnect(fd, seed int) error {
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
		return fmt.Errorf("postpone the choice of a port: %w", err)
	}
	if !c.plan.Subscribe {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
			return fmt.Errorf("send at once: %w", err)
		}
	}
	source := unix.SockaddrInet4{Addr: SourceAddress(c.plan.First + seed)}
	if err := unix.Bind(fd, &source); err != nil {
		return fmt.Errorf("bind to %v: %w", source.Addr, err)
	}
	if err := unix.Connect(fd, &c.server); err != nil && err != unix.EINPROGRESS {
		return fmt.Errorf("connect to %s: %w", c.plan.Address, err)
	}
	return nil
}

// SourceAddress spreads connections over 127.1.0.1 to 127.250.249.250, by their number.
func SourceAddress(number int) [4]byte {
	return [4]byte{127, byte(1 + number/62500%250), byte(number / 250 % 250), byte(1 + number%250)}
}
