package fanout_test

import (
	"syscall"
	"testing"

	"github.com/spokehub/spokehub/fanout"
)

func TestPromise2RemoveConnectionKeepsTheSocketWhenDescriptorsAreUsedUp(t *testing.T) {
	for _, engine := range []fanout.Engine{fanout.EngineEpoll, fanout.EngineEasygo, fanout.EngineParked} {
		t.Run("engine="+engine.String(), func(t *testing.T) {
			h := newTestHub(t, fanout.Config{Engine: engine})
			c, spoke := h.join()
			c.sync()
			var before syscall.Rlimit
			if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
				t.Fatal(err)
			}
			low := before
			low.Cur = 3
			if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low); err != nil {
				t.Fatalf("lower the limit: %v", err)
			}
			live, err := h.hub.RemoveConnection(spoke.Conn())
			if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
				t.Fatal(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			talk(t, c, live)
			expect(t, "peer", live.RemoteAddr().String(), c.conn.LocalAddr().String())
			live.Close()
		})
	}
}
