//go:build linux

// Package servers has one WebSocket fan-out server for each Go peer, set up as the peer's own documentation recommends. Those that are
// libraries understand the hub's control events and envelopes by their first bytes, without parsing JSON; those that are
// servers use their own protocol.
package servers

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"runtime/debug"
)

// peer is a Go module and how to serve with it; nats-server listens by itself.
type peer struct {
	module string
	serve  func(net.Listener) error
}

var peers = map[string]peer{
	"gorilla":      {"github.com/gorilla/websocket", serveGorilla},
	"gorilla-echo": {"github.com/gorilla/websocket", serveGorillaEcho},
	"gws":          {"github.com/lxzan/gws", serveGws},
	"nbio":         {"github.com/lesismal/nbio", serveNbio},
	"gobwas":       {"github.com/gobwas/ws", serveGobwas},
	"centrifuge":   {"github.com/centrifugal/centrifuge", serveCentrifuge},
	"nats":         {"github.com/nats-io/nats-server/v2", nil},
}

// Version is the version of the peer's module that is built in.
func Version(name string) (string, error) {
	if info, read := debug.ReadBuildInfo(); read {
		for _, module := range info.Deps {
			if module.Path == peers[name].module {
				return module.Version, nil
			}
		}
	}
	return "", fmt.Errorf("peer %q is not built in", name)
}

// Serve runs a peer on a free port of 127.0.0.1 and writes its address as a line. With the files of a certificate and its key it serves
// over TLS. It returns only when the peer fails.
func Serve(name string, out io.Writer, files ...string) error {
	if name == "nats" {
		return serveNats(out)
	}
	p, known := peers[name]
	if !known {
		return fmt.Errorf("unknown peer %q", name)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	scheme := "ws"
	if len(files) == 2 {
		scheme = "wss"
		if listener, err = secure(listener, files[0], files[1]); err != nil {
			return err
		}
	}
	announce(out, scheme, listener.Addr().String(), "/ws")
	return p.serve(listener)
}

// secure has a listener speak TLS, without session tickets, as the hub does.
func secure(listener net.Listener, certificate, key string) (net.Listener, error) {
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("read the certificate: %w", err)
	}
	return tls.NewListener(listener, &tls.Config{
		Certificates: []tls.Certificate{pair}, NextProtos: []string{"http/1.1"}, SessionTicketsDisabled: true,
	}), nil
}

func announce(out io.Writer, scheme, address, path string) {
	fmt.Fprintf(out, "listening %s://%s%s\n", scheme, address, path)
}
