//go:build linux

package servers

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const natsStart = 10 * time.Second

// serveNats is nats-server with its WebSocket listener, without TLS, and with its defaults for the rest.
func serveNats(out io.Writer) error {
	options := &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true,
		Websocket: server.WebsocketOpts{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoTLS: true},
	}
	nats, err := server.NewServer(options)
	if err != nil {
		return fmt.Errorf("make nats-server: %w", err)
	}
	nats.Start()
	if !nats.ReadyForConnections(natsStart) {
		return errors.New("nats-server didn't start")
	}
	address, err := url.Parse(nats.WebsocketURL())
	if err != nil {
		return fmt.Errorf("find nats-server: %w", err)
	}
	announce(out, "ws", address.Host, "/")
	nats.WaitForShutdown()
	return errors.New("nats-server ended")
}
