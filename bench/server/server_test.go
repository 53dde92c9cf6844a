//go:build linux

package server

import "testing"

func TestTheStartLineHasTheAddresses(t *testing.T) {
	for name, c := range map[string]struct{ line, address, path, admin string }{
		"as text":           {`level=INFO msg=listening websocket=ws://127.0.0.1:4001/ws admin=http://127.0.0.1:4002/ relay=true`, "127.0.0.1:4001", "/ws", "http://127.0.0.1:4002"},
		"as JSON":           {`{"msg":"listening","websocket":"ws://127.0.0.1:4001/ws","admin":"http://127.0.0.1:4002/"}`, "127.0.0.1:4001", "/ws", "http://127.0.0.1:4002"},
		"over TLS":          {`level=INFO msg=listening websocket=wss://127.0.0.1:4001/ws admin=http://127.0.0.1:4002/`, "127.0.0.1:4001", "/ws", "http://127.0.0.1:4002"},
		"of a peer":         {`listening ws://127.0.0.1:4001/connection/websocket`, "127.0.0.1:4001", "/connection/websocket", ""},
		"without a path":    {`echoing on ws://127.0.0.1:4001`, "127.0.0.1:4001", "/", ""},
		"of something else": {`started`, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			address, path, admin := addresses(c.line)
			if address != c.address || path != c.path || admin != c.admin {
				t.Errorf("got %q, %q and %q, want %q, %q and %q", address, path, admin, c.address, c.path, c.admin)
			}
		})
	}
}
