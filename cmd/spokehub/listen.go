package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"syscall"
)

// listen opens the address of a flag. Its errors say what to do. Multipath TCP is
// off because connections accepted with it do not inherit the listener's options.
func listen(flag, address string) (net.Listener, error) {
	var plain net.ListenConfig
	plain.SetMultipathTCP(false)
	listener, err := plain.Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", flag, address, explainListen(err))
	}
	return listener, nil
}

func explainListen(err error) error {
	var dns *net.DNSError
	var bad *net.AddrError
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return errors.New("another process is listening there: stop it, or choose another port (0 picks a free one)")
	case errors.Is(err, fs.ErrPermission):
		return errors.New("not permitted: choose a port from 1024 up, or grant CAP_NET_BIND_SERVICE (in systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE)")
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return errors.New("no network interface of this machine has that address")
	case errors.As(err, &dns):
		return usageError{fmt.Errorf("%q is neither an address nor a known host or port", dns.Name)}
	case errors.As(err, &bad):
		return usageError{bad}
	}
	return err
}
