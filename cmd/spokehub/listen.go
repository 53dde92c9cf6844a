package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"syscall"
)

// listen opens the address that flag names, for plain TCP: what a Multipath TCP
// listener accepts would not inherit the options of its socket. The error says
// what to do.
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
		return errors.New("another process listens there: stop it, or choose another port (0 picks a free one)")
	case errors.Is(err, fs.ErrPermission):
		return errors.New("no right to listen there: choose a port from 1024 up, or grant CAP_NET_BIND_SERVICE (in systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE)")
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return errors.New("no interface of this machine has that address")
	case errors.As(err, &dns):
		return usageError{fmt.Errorf("%q is neither an address nor a host or port known here", dns.Name)}
	case errors.As(err, &bad):
		return usageError{bad}
	}
	return err
}
