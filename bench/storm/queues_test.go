//go:build linux

package storm

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

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
		switch {
		case line.LocalPort == port && isAt(line.LocalAddr, address):
			send += line.TxQueue
		case line.RemPort == port && isAt(line.RemAddr, address):
			receive += line.RxQueue
		}
	}
	return send, receive, nil
}

// isAt says that an end of a connection has the server's address. On other addresses others may have its port.
func isAt(end net.IP, server netip.AddrPort) bool {
	address, ok := netip.AddrFromSlice(end)
	return ok && address.Unmap() == server.Addr()
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
	for end, sum := time.Now().Add(patience), uint64(0); sum != 1000; {
		send, receive, err := socketQueues(listener.Addr().String())
		if sum = send + receive; err != nil || sum != 1000 && time.Now().After(end) {
			t.Fatalf("got %d bytes in send queues, %d in receive queues and %v, want 1000 in all", send, receive, err)
		}
	}
}
