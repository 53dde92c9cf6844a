package fanout_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/spokehub/spokehub/fanout"
)

// TestTheFileOfASocketStaysForWhoeverHasOpenedIt, and goes with the hub if nobody else has.
func TestTheFileOfASocketStaysForWhoeverHasOpenedIt(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		for _, keeps := range []bool{false, true} {
			h := newTestHub(t, fanout.Config{Engine: engine})
			path := filepath.Join(t.TempDir(), "s")
			l, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			served := make(chan error, 1)
			go func() { served <- h.hub.ServeListener(l, fanout.ListenerOptions{KeepFile: keeps}) }()
			dial(t, "unix", path).handshake().conn.Close()
			if err := h.hub.Shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := receive(t, served, "the end of serving"); !errors.Is(err, fanout.ErrClosed) {
				t.Errorf("got %v, want ErrClosed", err)
			}
			if _, err := os.Stat(path); (err == nil) != keeps {
				t.Errorf("got %v for the file after the end, want that it is there: %v", err, keeps)
			}
		}
	})
}
