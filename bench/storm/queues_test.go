//go:build linux

package storm

import (
	"fmt"
	"net"
	"net/netip"
	"testing"

	"github.com/prometheus/procfs"
)

// socketQueues adds up, in bytes, the send queues of a server's sockets and the receive queues of those connected to it.
func socketQueues(server string) (send, receive uint64, err error) {
	address, err := netip.ParseAddrPort(server)
	if err != nil {
		return 0, 0, fmt.Errorf("the server's address: %w", err)
	}
	proc, err := procfs.NewDefaultFS()
	if err != nil {
		return 0, 0, fmt.Errorf("read the sockets: %w", err)
	}
	table, err := proc.NetTCP()
	if err != nil {
		return 0, 0, fmt.Errorf("read the sockets: %w", err)
	}
	port := uint64(address.Port())
	for _, line := range table {
		switch port {
		case line.LocalPort:
			send += line.TxQueue
		case line.RemPort:
			receive += line.RxQueue
		}
	}
	return send, receive, nil
}

func TestSocketQueuesAreReadInBytes(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	if _, err := accepted.Write(make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	if send, receive, err := socketQueues(listener.Addr().String()); err != nil || send+receive != 1000 {
		t.Errorf("got %d bytes in send queues, %d in receive queues and %v, want 1000 in all", send, receive, err)
	}
}
