package fanout

import (
	"errors"
	"net"
	"net/http"
)

// Handshake is a client that asks to become a spoke. It and what it points to belong to Config.OnHandshake until that returns.
type Handshake struct {
	// Request is the request as net/http has it, without a body: line, headers, cookies, TLS state. Its RemoteAddr and Host are those
	// of the client, also behind a trusted proxy.
	Request *http.Request
	// Subprotocols are those that the client offers, in its order.
	Subprotocols []string
	// RemoteAddr and LocalAddr are the two ends of the connection.
	RemoteAddr, LocalAddr net.Addr
}

// ErrAuthLater is what OnHandshake returns for a client that may identify itself by a first event, __auth. It is let in without an
// identity, and OnConnection is called when it has one. Until then all else that it sends is answered with __reject and the reason
// unauthenticated; without an identity within Config.HandshakeTimeout it is closed with 4401.
var ErrAuthLater = errors.New("identity to follow by __auth")
