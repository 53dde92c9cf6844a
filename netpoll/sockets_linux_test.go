package netpoll

import (
	"context"
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOptionsOfAListener(t *testing.T) {
	for name, c := range map[string]struct {
		multipath, inherited bool
	}{
		"are inherited by what it accepts":           {false, true},
		"are not, and it says so, if it's multipath": {true, false},
	} {
		t.Run(name, func(t *testing.T) {
			var config net.ListenConfig
			config.SetMultipathTCP(c.multipath)
			l, err := config.Listen(context.Background(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			address := l.Addr().String()
			fd, _, err := AdoptListener(l)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
			if c.multipath && protocolOf(t, fd) != unix.IPPROTO_MPTCP {
				t.Skip("this system has no Multipath TCP")
			}
			const limit = 16 << 10
			inherited := TuneListener(fd, Sockets{UnsentLimit: limit})
			if inherited != c.inherited {
				t.Errorf("got inherited %v, want %v", inherited, c.inherited)
			}
			accepted := acceptOne(t, fd, address)
			defer unix.Close(accepted)
			if !inherited {
				Tune(accepted, Sockets{UnsentLimit: limit})
			}
			if got, err := unix.GetsockoptInt(accepted, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT); err != nil || got != limit {
				t.Errorf("got an unsent limit of %d and %v, want %d", got, err, limit)
			}
		})
	}
}

func protocolOf(t *testing.T, fd int) int {
	t.Helper()
	protocol, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL)
	if err != nil {
		t.Fatal(err)
	}
	return protocol
}

// acceptOne connects to a listening socket and accepts that.
func acceptOne(t *testing.T, fd int, address string) int {
	t.Helper()
	client, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	if err := unix.SetNonblock(fd, false); err != nil {
		t.Fatal(err)
	}
	accepted, _, err := unix.Accept(fd)
	if err != nil {
		t.Fatal(err)
	}
	return accepted
}
