//go:build linux

package servers

import (
	"fmt"
	"net"
	"net/http"

	"github.com/centrifugal/centrifuge"
)

// serveCentrifuge is the server of centrifuge's README: anonymous users, everything allowed, JSON protocol.
func serveCentrifuge(listener net.Listener) error {
	node, err := centrifuge.New(centrifuge.Config{})
	if err != nil {
		return fmt.Errorf("make a node: %w", err)
	}
	node.OnConnect(func(client *centrifuge.Client) {
		client.OnSubscribe(func(_ centrifuge.SubscribeEvent, answer centrifuge.SubscribeCallback) {
			answer(centrifuge.SubscribeReply{}, nil)
		})
		client.OnPublish(func(_ centrifuge.PublishEvent, answer centrifuge.PublishCallback) {
			answer(centrifuge.PublishReply{}, nil)
		})
	})
	if err := node.Run(); err != nil {
		return fmt.Errorf("run the node: %w", err)
	}
	handler, anonymous := centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{}), &centrifuge.Credentials{}
	return http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(w, r.WithContext(centrifuge.SetCredentials(r.Context(), anonymous)))
	}))
}
