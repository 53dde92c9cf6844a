package fanout

import (
	"context"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gobwas/ws"

	"github.com/spokehub/spokehub/event"
)

func TestPromise2CallbacksThatEndWhileTheReactorsStopLoseNoGoodbye(t *testing.T) {
	t.Parallel()
	var running sync.WaitGroup
	for _, engine := range []Engine{EngineEpoll, EngineEasygo, EngineParked, EngineGoroutine} {
		running.Go(func() {
			t.Run("engine="+engine.String(), func(t *testing.T) { endCallbacksWhileStopping(t, engine) })
		})
	}
	running.Wait()
}

func endCallbacksWhileStopping(t *testing.T, engine Engine) {
	const spokes = 400
	proceed := make(chan struct{})
	var entered, gone atomic.Int32
	hub, err := New(Config{Engine: engine, Reactors: 8, Workers: spokes,
		OnEvent:         func(*Spoke, event.Event) { entered.Add(1); <-proceed },
		OnDisconnection: func(*Spoke, net.Conn, Cause) { gone.Add(1) }})
	if err != nil {
		t.Fatal(err)
	}
	l := &loopHub{t: t, hub: hub}
	for range spokes {
		here, _ := l.join()
		go here.Write(ws.MustCompileFrame(ws.MaskFrameInPlace(ws.NewTextFrame([]byte(`{"type":"t"}`)))))
	}
	l.until("all callbacks block", func() bool { return entered.Load() == spokes })
	go func() {
		for hub.lifecycle.final.Load() == nil {
			runtime.Gosched()
		}
		for range spokes {
			proceed <- struct{}{}
		}
	}()
	now, cancel := context.WithCancel(context.Background())
	cancel()
	_ = hub.Shutdown(now)
	l.until("every OnDisconnection", func() bool { return gone.Load() == spokes })
}
