package fanout_test

import (
	"errors"
	"net"
	"os"
	"strconv"
	"syscall"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// epolls are the descriptors of the process's epoll sets.
func epolls(t *testing.T) map[int]bool {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[int]bool)
	for _, e := range entries {
		if target, _ := os.Readlink("/proc/self/fd/" + e.Name()); target == "anon_inode:[eventpoll]" {
			number, _ := strconv.Atoi(e.Name())
			found[number] = true
		}
	}
	return found
}

func TestAReactorThatFailsEndsTheHubWithEveryCallback(t *testing.T) {
	for _, engine := range []fanout.Engine{fanout.EngineEpoll, fanout.EngineEasygo, fanout.EngineParked} {
		t.Run(engine.String(), func(t *testing.T) {
			l := listenTCP(t)
			before := epolls(t)
			gone := make(chan fanout.Cause, 1)
			connected := make(chan struct{}, 1)
			hub, err := fanout.New(fanout.Config{Engine: engine, Reactors: 1,
				OnConnection:    func(*fanout.Spoke, net.Conn) { connected <- struct{}{} },
				OnDisconnection: func(_ *fanout.Spoke, _ net.Conn, cause fanout.Cause) { gone <- cause },
			})
			if err != nil {
				t.Fatal(err)
			}
			served := make(chan error, 1)
			go func() { served <- hub.Serve(l) }()
			dial(t, "tcp", l.Addr().String()).handshake().subscribe("t")
			receive(t, connected, "OnConnection")
			null, err := os.Open(os.DevNull)
			if err != nil {
				t.Fatal(err)
			}
			defer null.Close()
			for number := range epolls(t) {
				if !before[number] {
					if err := syscall.Dup3(int(null.Fd()), number, syscall.O_CLOEXEC); err != nil {
						t.Fatal(err)
					}
				}
			}
			hub.DispatchEvent(event.Event{Type: "t"})
			if cause := receive(t, gone, "OnDisconnection"); cause.Kind != fanout.CauseInternal || cause.Err == nil {
				t.Errorf("got cause %v, want an internal error", cause)
			}
			if err := receive(t, served, "the end of Serve"); !errors.Is(err, fanout.ErrClosed) || !errors.Is(err, syscall.EINVAL) {
				t.Errorf("got %v, want the hub closed because of EINVAL", err)
			}
		})
	}
}
