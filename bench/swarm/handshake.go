package swarm

import (
	"bytes"
	"fmt"
)

// handshakeAccept answers handshakeKey, by RFC 6455, section 4.2.2.
const (
	handshakeKey    = "c3Bva2VodWIgc3dhcm0hIQ=="
	handshakeAccept = "3ZBtb4eEvGgbTObECu3+ttwRkW8="
)

// Handshake is the request of a client.
func Handshake(path, host string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n", path, host, handshakeKey)
}

// upgraded parses the answer to the handshake. It returns the length of its head, 0 while it is incomplete.
func upgraded(view []byte) (head int, err error) {
	end := bytes.Index(view, []byte("\r\n\r\n"))
	if end < 0 {
		return 0, nil
	}
	if !bytes.HasPrefix(view, []byte("HTTP/1.1 101")) || !bytes.Contains(view[:end], []byte(handshakeAccept)) {
		line, _, _ := bytes.Cut(view, []byte("\r\n"))
		return 0, fmt.Errorf("the server answered %q to the handshake", line)
	}
	return end + 4, nil
}
