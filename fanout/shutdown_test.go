package fanout_test

import (
	"context"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

func TestPromise2ACallbackThatEndsItsGoroutineAfterShutdownLosesNoGoodbye(t *testing.T) {
	t.Parallel()
	eachEngineAtOnce(t, func(t *testing.T, engine fanout.Engine) {
		proceed, entered := make(chan struct{}), make(chan struct{}, 1)
		h := newTestHub(t, fanout.Config{Engine: engine, OnEvent: func(*fanout.Spoke, event.Event) {
			entered <- struct{}{}
			<-proceed
			runtime.Goexit()
		}})
		h.unchecked = true
		c, _ := h.join()
		c.text(envelope("block", "", "0"))
		receive(t, entered, "the callback to block")
		h.cut()
		close(proceed)
		receive(t, h.gone, "OnDisconnection")
	})
}

func TestShutdownSaysHowManyItCutOff(t *testing.T) {
	h := newTestHub(t, fanout.Config{})
	for range 3 {
		h.join()
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := h.hub.Shutdown(ended); err == nil || !strings.Contains(err.Error(), "3 connections") {
		t.Errorf("got %v, want it to tell of 3 connections", err)
	}
}

func TestShutdownOfAClosedHubIsNoError(t *testing.T) {
	h := newTestHub(t, fanout.Config{})
	h.shutdown()
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for range 100 {
		if err := h.hub.Shutdown(ended); err != nil {
			t.Fatalf("got %v, want none: the hub is closed", err)
		}
	}
}

func TestShutdownRemovesNoFileForAnAbstractSocket(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("abstract sockets are Linux's")
	}
	t.Chdir(t.TempDir())
	name := "@spokehub-" + strconv.Itoa(os.Getpid())
	if err := os.WriteFile(name, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := newTestHub(t, fanout.Config{})
	l, err := net.Listen("unix", name)
	if err != nil {
		t.Fatal(err)
	}
	h.serveOn(l)
	dial(t, "unix", name).handshake()
	h.cut()
	if _, err := os.Stat(name); err != nil {
		t.Errorf("got %v, want the file of that name left alone", err)
	}
}
