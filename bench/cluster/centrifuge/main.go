// Command centrifuge is one node of a cluster of the library centrifuge, to compare a cluster of hubs with: anonymous users, everything allowed, the
// JSON protocol over WebSocket without compression, and the broker on Redis that the library has, or on NATS one that is made here.
//
//	centrifuge redis 127.0.0.1:6379
//	centrifuge nats nats://127.0.0.1:4222
//
// The library brings no broker for NATS; like the one among its examples, ours has one subscription of NATS for each channel. What a client publishes
// goes out without the client's name, as it does in the hub, so that the frames are as long.
package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/centrifugal/centrifuge"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "centrifuge:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) != 0 && len(arguments) != 2 {
		return errors.New("want no arguments for a node alone, or redis HOST:PORT, or nats URL")
	}
	node, err := centrifuge.New(centrifuge.Config{})
	if err != nil {
		return fmt.Errorf("make a node: %w", err)
	}
	if len(arguments) == 2 {
		if err := connect(node, arguments[0], arguments[1]); err != nil {
			return err
		}
	}
	node.OnConnect(func(client *centrifuge.Client) { serve(node, client) })
	if err := node.Run(); err != nil {
		return fmt.Errorf("run the node: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	fmt.Printf("listening ws://%s/ws\n", listener.Addr())
	handler, anonymous := centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{}), &centrifuge.Credentials{}
	return http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(w, r.WithContext(centrifuge.SetCredentials(r.Context(), anonymous)))
	}))
}

// connect gives a node its broker, which works for the control messages between nodes too where it can.
func connect(node *centrifuge.Node, engine, address string) error {
	switch engine {
	case "redis":
		shard, err := centrifuge.NewRedisShard(node, centrifuge.RedisShardConfig{Address: address})
		if err != nil {
			return fmt.Errorf("reach Redis: %w", err)
		}
		broker, err := centrifuge.NewRedisBroker(node, centrifuge.RedisBrokerConfig{Shards: []*centrifuge.RedisShard{shard}})
		if err != nil {
			return fmt.Errorf("make the broker on Redis: %w", err)
		}
		node.SetBroker(broker)
		return nil
	case "nats":
		broker, err := newNATSBroker(address)
		if err != nil {
			return err
		}
		node.SetBroker(broker)
		return nil
	}
	return fmt.Errorf("there is no broker on %q: want redis or nats", engine)
}

// serve lets a client subscribe to anything and publish anything.
func serve(node *centrifuge.Node, client *centrifuge.Client) {
	client.OnSubscribe(func(_ centrifuge.SubscribeEvent, answer centrifuge.SubscribeCallback) {
		answer(centrifuge.SubscribeReply{}, nil)
	})
	client.OnPublish(func(e centrifuge.PublishEvent, answer centrifuge.PublishCallback) {
		result, err := node.Publish(e.Channel, e.Data)
		answer(centrifuge.PublishReply{Result: &result}, err)
	})
}
