package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"

	"github.com/spokehub/spokehub/fanout"
)

// listenPublic opens every address of --listen, or none.
func listenPublic(texts []string) (listeners []publicListener, err error) {
	passed := newPassedSockets(os.Getenv)
	defer func() {
		if err != nil {
			closeAll(listeners)
			passed.close()
		}
	}()
	for _, text := range texts {
		address, err := parseListen(text)
		if err != nil {
			return listeners, usageError{fmt.Errorf("--listen: %w", err)}
		}
		if address.network == "systemd" {
			taken, err := passed.take(address.address)
			if err != nil {
				return listeners, usageError{err}
			}
			for _, l := range taken {
				listeners = append(listeners, publicListener{Listener: l, asked: address})
			}
			continue
		}
		l, err := listen("--listen", address)
		if err != nil {
			return listeners, err
		}
		listeners = append(listeners, publicListener{Listener: l, asked: address})
	}
	if err := passed.checkTaken(); err != nil {
		return listeners, usageError{err}
	}
	return listeners, nil
}

// publicListener is an open address of --listen.
type publicListener struct {
	net.Listener
	asked listenAddress
	// secure is how it speaks TLS, nil if it speaks none.
	secure *terminator
}

// options are those with which the hub serves it.
func (l publicListener) options() fanout.ListenerOptions {
	o := fanout.ListenerOptions{ProxyProtocol: l.asked.proxyProtocol, Plain: l.secure == nil, KeepFile: l.asked.network == "systemd"}
	if l.secure != nil {
		o.TLS = l.secure.current.Config()
	}
	return o
}

// isUnix says that it is a Unix socket.
func (l publicListener) isUnix() bool { return l.Addr().Network() == "unix" }

// url is where clients find a path of it.
func (l publicListener) url(scheme, path string) string {
	if l.secure != nil {
		scheme += "s"
	}
	if l.isUnix() {
		return scheme + "+" + l.text() + ":" + path
	}
	return scheme + "://" + l.text() + path
}

func closeAll(listeners []publicListener) {
	for _, l := range listeners {
		l.Close()
	}
}

// areOnLoopback says of open addresses what serveFlags.isOnLoopback says of those that are not open yet: only here it is known what systemd
// has opened.
func areOnLoopback(public []publicListener) bool {
	found := false
	for _, l := range public {
		if l.isUnix() {
			continue
		}
		if !isLoopback(l.Addr().String()) {
			return false
		}
		found = true
	}
	return found
}

// text is the address that was opened, as --listen takes it.
func (l publicListener) text() string {
	if l.isUnix() {
		return "unix:" + l.Addr().String()
	}
	return l.Addr().String()
}

// listen opens the address of a flag. Its errors say what to do. Multipath TCP is
// off because connections accepted with it do not inherit the listener's options.
func listen(flag string, a listenAddress) (net.Listener, error) {
	fail := func(err error) (net.Listener, error) {
		return nil, fmt.Errorf("%s %s: %w", flag, a.address, explainListen(err))
	}
	if a.network == "unix" {
		if err := removeStale(a.address); err != nil {
			return fail(err)
		}
	}
	var plain net.ListenConfig
	plain.SetMultipathTCP(false)
	listener, err := plain.Listen(context.Background(), a.network, a.address)
	if err != nil {
		return fail(err)
	}
	if a.mode != 0 {
		if err := os.Chmod(a.address, a.mode); err != nil {
			listener.Close()
			return fail(err)
		}
	}
	return listener, nil
}

// removeStale removes the file of a Unix socket that a process has left behind on which nobody listens any more. It removes nothing
// else.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return nil
	case info.Mode()&os.ModeSocket == 0:
		return errors.New("there is a file that is no socket: remove it, or choose another path")
	}
	conn, err := net.Dial("unix", path)
	if err == nil {
		conn.Close()
		return syscall.EADDRINUSE
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return os.Remove(path)
	}
	return nil
}

func explainListen(err error) error {
	var dns *net.DNSError
	var bad *net.AddrError
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return errors.New("another process is listening there: stop it, or choose another port (0 picks a free one) or path")
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("the directory of the socket does not exist: create it (in systemd: RuntimeDirectory=spokehub)")
	case errors.Is(err, fs.ErrPermission):
		return errors.New("not permitted: choose a port from 1024 up, or a path that this user may write, or grant CAP_NET_BIND_SERVICE (in systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE)")
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return errors.New("no network interface of this machine has that address")
	case errors.As(err, &dns):
		return usageError{fmt.Errorf("%q is neither an address nor a known host or port", dns.Name)}
	case errors.As(err, &bad):
		return usageError{bad}
	}
	return err
}
