package fanouttest_test

import (
	"context"
	"errors"
	"net"
	"runtime"
	"testing"

	"go.uber.org/goleak"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/fanout/fanouttest"
)

func TestNoGoroutineIsLeftAfterShutdown(t *testing.T) {
	for _, engine := range []fanout.Engine{fanout.EngineEpoll, fanout.EngineEasygo, fanout.EngineParked, fanout.EngineGoroutine} {
		t.Run("engine="+engine.String(), func(t *testing.T) {
			if engine != fanout.EngineGoroutine && runtime.GOOS != "linux" {
				t.Skip("this engine needs Linux")
			}
			hub, err := fanout.New(fanout.Config{Engine: engine, Reactors: 2, OnEvent: func(*fanout.Spoke, event.Event) {}})
			if err != nil {
				t.Fatal(err)
			}
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			served := make(chan error, 1)
			go func() { served <- hub.Serve(listener) }()
			here, there := net.Pipe()
			defer here.Close()
			if _, err := hub.AddConnection(there); err != nil {
				t.Fatal(err)
			}
			hub.DispatchEvent(event.Event{Type: "t"})
			if err := goleak.Find(fanouttest.GoleakOptions()...); err == nil {
				t.Error("got no goroutines of a hub that runs, want some found")
			}
			ended, cancel := context.WithCancel(context.Background())
			cancel()
			_ = hub.Shutdown(ended)
			if err := <-served; !errors.Is(err, fanout.ErrClosed) {
				t.Errorf("got %v from Serve, want ErrClosed", err)
			}
			if err := goleak.Find(fanouttest.GoleakOptions()...); err != nil {
				t.Errorf("got %v, want none", err)
			}
		})
	}
}

func TestImportsStartTheTwoGoroutinesOfAntsAlone(t *testing.T) {
	const pool = "github.com/panjf2000/ants/v2.(*poolCommon)."
	if err := goleak.Find(goleak.IgnoreTopFunction(pool+"purgeStaleWorkers"), goleak.IgnoreTopFunction(pool+"ticktock")); err != nil {
		t.Errorf("got %v, want none but those", err)
	}
}
