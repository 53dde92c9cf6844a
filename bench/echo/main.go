// Command echo answers every WebSocket message with itself, on the reactors and the framing of the hub and on nothing
// else: a target for conformance suites such as Autobahn.
//
//	go run ./bench/echo --listen 127.0.0.1:9001
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/spokehub/spokehub/netpoll"
)

type options struct {
	Listen     string         `help:"Address to listen on; port 0 picks a free one, which is printed." default:"127.0.0.1:9001" placeholder:"ADDR"`
	MaxMessage int            `help:"Longest message in bytes." default:"67108864" placeholder:"BYTES"`
	Engine     netpoll.Engine `help:"How the reactor waits: default, easygo, epoll or goroutine." default:"default" placeholder:"NAME"`
}

func main() {
	var o options
	kong.Parse(&o, kong.Name("echo"), kong.Description("A WebSocket echo server on the hub's reactor and framing, for conformance suites."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, func(address string) { fmt.Printf("echoing on ws://%s\n", address) }); err != nil {
		fmt.Fprintln(os.Stderr, "echo:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends. It calls ready with the address once it listens.
func run(ctx context.Context, o options, ready func(address string)) error {
	l, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer l.Close()
	e, err := newEcho(o)
	if err != nil {
		return err
	}
	go e.reactor.Run()
	if err := e.listen(l); err != nil {
		e.reactor.Stop()
		return err
	}
	ready(l.Addr().String())
	select {
	case <-ctx.Done():
	case <-e.reactor.Done():
		return errors.New("the reactor has stopped")
	}
	e.reactor.Stop()
	return nil
}
