package main

import (
	"context"
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"
)

// TestAutobahnsClientGetsItsEchoes plays testdata/autobahn_client.py, whose library is in Debian's python3-autobahn.
func TestAutobahnsClientGetsItsEchoes(t *testing.T) {
	const python = "/usr/bin/python3"
	if out, err := exec.Command(python, "-c", "import autobahn.asyncio.websocket").CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s can't import autobahn, which the Debian package python3-autobahn has: %v\n%s", python, err, out)
		}
		t.Skipf("%s can't import autobahn; apt-get install python3-autobahn", python)
	}
	for _, engine := range engines {
		t.Run(engine.String(), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), hangGuard)
			defer cancel()
			address, _ := startEcho(ctx, t, engine, maxMessage)
			host, port, err := net.SplitHostPort(address)
			if err != nil {
				t.Fatal(err)
			}
			client := exec.CommandContext(ctx, python, "testdata/autobahn_client.py", host, port, strconv.Itoa(maxMessage))
			if out, err := client.CombinedOutput(); err != nil {
				t.Errorf("got %v, want none\n%s", err, out)
			}
		})
	}
}
