//go:build linux

package servers

import (
	"fmt"
	"io"
	"net"
	"runtime/debug"
)

// modules names the Go module of each peer.
var modules = map[string]string{
	"gorilla":    "github.com/gorilla/websocket",
	"gws":        "github.com/lxzan/gws",
	"nbio":       "github.com/lesismal/nbio",
	"gobwas":     "github.com/gobwas/ws",
	"centrifuge": "github.com/centrifugal/centrifuge",
	"nats":       "github.com/nats-io/nats-server/v2",
}

var libraries = map[string]func(net.Listener) error{
	"gorilla": serveGorilla, "gorilla-echo": serveGorillaEcho, "gws": serveGws, "nbio": serveNbio, "gobwas": serveGobwas,
	"centrifuge": serveCentrifuge,
}

// Version is the version of the peer's module that is built in.
func Version(name string) (string, error) {
	path, known := modules[name]
	info, read := debug.ReadBuildInfo()
	if !known || !read {
		return "", fmt.Errorf("unknown peer %q", name)
	}
	for _, module := range info.Deps {
		if module.Path == path {
			return module.Version, nil
		}
	}
	return "", fmt.Errorf("module %s is not built in", path)
}

// Serve runs a peer on a free port of 127.0.0.1 and writes its address as a line. It returns only when the peer fails.
func Serve(name string, out io.Writer) error {
	if name == "nats" {
		return serveNats(out)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	serve, known := libraries[name]
	if !known {
		return fmt.Errorf("unknown peer %q", name)
	}
	path := "/ws"
	if name == "centrifuge" {
		path = "/connection/websocket"
	}
	announce(out, listener.Addr().String(), path)
	return serve(listener)
}

func announce(out io.Writer, address, path string) {
	fmt.Fprintf(out, "listening ws://%s%s\n", address, path)
}
