package swarm

import (
	"bufio"
	"bytes"
	"net"
	"net/http"
	"testing"

	"github.com/gorilla/websocket"
)

// recordedConn keeps what is written to it, and reads what it was given.
type recordedConn struct {
	net.Conn
	written bytes.Buffer
	unread  bytes.Reader
}

func (c *recordedConn) Write(view []byte) (int, error) { return c.written.Write(view) }

func (c *recordedConn) Read(view []byte) (int, error) { return c.unread.Read(view) }

// recordedWriter lets gorilla take a recorded connection over.
type recordedWriter struct {
	http.ResponseWriter
	conn *recordedConn
}

// Hijack implements http.Hijacker.
func (w recordedWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return w.conn, bufio.NewReadWriter(bufio.NewReader(w.conn), bufio.NewWriter(w.conn)), nil
}

// gorillaServer is gorilla's server end of a connection whose traffic is recorded.
func gorillaServer(t *testing.T) (*websocket.Conn, *recordedConn) {
	t.Helper()
	server, client := net.Pipe()
	t.Cleanup(func() {
		server.Close()
		client.Close()
	})
	conn := &recordedConn{Conn: server}
	request, err := http.NewRequest(http.MethodGet, "/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Connection", "Upgrade")
	request.Header.Set("Upgrade", "websocket")
	request.Header.Set("Sec-WebSocket-Version", "13")
	request.Header.Set("Sec-WebSocket-Key", handshakeKey)
	upgrader := websocket.Upgrader{}
	upgraded, err := upgrader.Upgrade(recordedWriter{conn: conn}, request, nil)
	if err != nil {
		t.Fatal(err)
	}
	conn.written.Reset()
	return upgraded, conn
}
