package main

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spokehub/spokehub/fanout"
)

// heard counts the messages to a service manager that have a line.
type heard struct {
	line  string
	count atomic.Int64
}

func (h *heard) Write(message []byte) (int, error) {
	if strings.Contains("\n"+string(message), "\n"+h.line+"\n") {
		h.count.Add(1)
	}
	return len(message), nil
}

// TestNoSignOfLifeWhileAReactorIsStuck: the manager hears three times in its interval that the reactors answer, and nothing from the moment on
// at which one does not.
func TestNoSignOfLifeWhileAReactorIsStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signs := &heard{line: "WATCHDOG=1"}
		manager := serviceManager{out: signs, watchdog: 30 * time.Second}
		stuck, answered, stop := make(chan struct{}), make(chan struct{}), make(chan struct{})
		var isStuck atomic.Bool
		go manager.watch(func() fanout.Stats {
			if isStuck.Load() {
				close(stuck)
				<-answered
			}
			return fanout.Stats{}
		}, stop)
		time.Sleep(time.Minute + time.Second)
		if got := signs.count.Load(); got != 6 {
			t.Errorf("got %d signs of life in a minute, want 6 for an interval of half of one", got)
		}
		isStuck.Store(true)
		<-stuck
		time.Sleep(time.Hour)
		if got := signs.count.Load(); got != 6 {
			t.Errorf("got %d signs of life after a reactor was stuck for an hour, want the 6 from before", got)
		}
		isStuck.Store(false)
		close(answered)
		time.Sleep(time.Minute)
		if got := signs.count.Load(); got < 7 {
			t.Errorf("got %d signs of life once the reactor answers, want more than the 6 from before", got)
		}
		close(stop)
	})
}

// TestADrainAsksForMoreTimeWhileItGoesOn: each time for more than passes until it asks again.
func TestADrainAsksForMoreTimeWhileItGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := &heard{line: "EXTEND_TIMEOUT_USEC=15000000"}
		over := make(chan struct{})
		go serviceManager{out: asked}.drain(func() fanout.Stats { return fanout.Stats{} }, over)
		time.Sleep(time.Minute + time.Millisecond)
		close(over)
		synctest.Wait()
		if got := asked.count.Load(); got != 61 {
			t.Errorf("got %d demands in a minute, want one at once and one a second", got)
		}
	})
}

func TestWatchdogIntervals(t *testing.T) {
	for name, c := range map[string]struct {
		variables map[string]string
		want      time.Duration
	}{
		"of the process":      {map[string]string{"WATCHDOG_USEC": "30000000"}, 30 * time.Second},
		"of another process":  {map[string]string{"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, 0},
		"none":                {nil, 0},
		"what is no interval": {map[string]string{"WATCHDOG_USEC": "30s"}, 0},
		"what is negative":    {map[string]string{"WATCHDOG_USEC": "-1"}, 0},
	} {
		if got := watchdogInterval(func(name string) string { return c.variables[name] }); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

func TestNoManagerIsToldNothing(t *testing.T) {
	manager, err := newServiceManager(func(string) string { return "" })
	if err != nil || manager.out != nil {
		t.Fatalf("got %v and %v, want nobody to tell", manager, err)
	}
	asked := func() fanout.Stats {
		t.Error("the reactors were asked, want that nothing happens")
		return fanout.Stats{}
	}
	manager.watch(asked, nil)
	manager.drain(asked, nil)
	manager.ready(fanout.Stats{})
	if _, err := newServiceManager(func(string) string { return "/nowhere/notify" }); err == nil {
		t.Error("got no error for a socket that is not there, want one")
	}
}
