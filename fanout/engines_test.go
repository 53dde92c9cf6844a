package fanout_test

import (
	"sync"
	"testing"

	"github.com/spokehub/spokehub/fanout"
)

var engines = []fanout.Engine{fanout.EngineEpoll, fanout.EngineEasygo, fanout.EngineParked, fanout.EngineGoroutine}

func eachEngine(t *testing.T, f func(t *testing.T, engine fanout.Engine)) {
	t.Helper()
	for _, engine := range engines {
		t.Run("engine="+engine.String(), func(t *testing.T) { f(t, engine) })
	}
}

// eachEngineAtOnce is eachEngine for a test that mostly waits.
func eachEngineAtOnce(t *testing.T, f func(t *testing.T, engine fanout.Engine)) {
	t.Helper()
	cases := make(map[string]fanout.Engine)
	for _, engine := range engines {
		cases["engine="+engine.String()] = engine
	}
	atOnce(t, cases, f)
}

// atOnce runs a subtest for each case, all side by side whatever -parallel says: they mostly wait.
func atOnce[C any](t *testing.T, cases map[string]C, f func(t *testing.T, c C)) {
	t.Helper()
	watchForLeaks(t)
	var running sync.WaitGroup
	for name, c := range cases {
		running.Go(func() { t.Run(name, func(t *testing.T) { f(t, c) }) })
	}
	running.Wait()
}
