package fanout_test

import (
	"net"
	"os"
	"testing"
)

// TestMain opens what the runtime opens once and keeps, so that it does not look like a leak.
func TestMain(m *testing.M) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		l.Close()
	}
	os.Exit(m.Run())
}
