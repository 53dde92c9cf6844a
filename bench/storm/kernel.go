//go:build linux

package storm

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"strconv"
)

// Kernel is what the kernel holds for sockets at one moment.
type Kernel struct {
	// Pages is the memory of all TCP buffers of the machine, in bytes.
	Pages int64
	// HubQueue is what the hub's sockets have taken and not yet got rid of, PeerQueue what their peers have not yet read, in bytes.
	HubQueue, PeerQueue int64
}

// Kernel reads /proc/net.
func (h *Hub) Kernel() (k Kernel, err error) {
	sockets, err := os.ReadFile("/proc/net/sockstat")
	if err != nil {
		return k, fmt.Errorf("storm: read the socket memory: %w", err)
	}
	for line := range bytes.Lines(sockets) {
		fields := bytes.Fields(line)
		for i, field := range fields {
			if string(field) == "mem" && string(fields[0]) == "TCP:" && i+1 < len(fields) {
				pages, _ := strconv.ParseInt(string(fields[i+1]), 10, 64)
				k.Pages = pages * int64(os.Getpagesize())
			}
		}
	}
	address, err := netip.ParseAddrPort(h.Address)
	if err != nil {
		return k, fmt.Errorf("storm: the hub's address: %w", err)
	}
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return k, fmt.Errorf("storm: read the sockets: %w", err)
	}
	k.HubQueue, k.PeerQueue = queues(table, address.Port())
	return k, nil
}

// queues adds up the send queues of the sockets that have a port, and the receive queues of those that are connected to it.
func queues(table []byte, port uint16) (sent, received int64) {
	end := fmt.Appendf(nil, ":%04X", port)
	for line := range bytes.Lines(table) {
		fields := bytes.Fields(line)
		if len(fields) < 5 {
			continue
		}
		tx, rx, _ := bytes.Cut(fields[4], []byte(":"))
		switch {
		case bytes.HasSuffix(fields[1], end):
			n, _ := strconv.ParseInt(string(tx), 16, 64)
			sent += n
		case bytes.HasSuffix(fields[2], end):
			n, _ := strconv.ParseInt(string(rx), 16, 64)
			received += n
		}
	}
	return sent, received
}
