//go:build linux

package main

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/bench/swarm"
)

func TestMain(m *testing.M) {
	swarm.RunIfChild()
	runIfCrew()
	os.Exit(m.Run())
}

// small are the flags of a run of seconds.
func small(engine, works string, more ...string) []string {
	return append([]string{"-nodes", "2", "-spokes", "60", "-topics", "20", "-engines", engine, "-works", works, "-writers", "2", "-clients", "20", "-runs", "1",
		"-duration", "1s", "-warmup", "200ms", "-everybody-rate", "20", "-topics-rate", "200", "-users-rate", "200", "-server-flags", ""}, more...)
}

// TestASmallClusterIsMeasured runs every work against real nodes and brokers: each subscriber gets each event once, in order.
func TestASmallClusterIsMeasured(t *testing.T) {
	for _, engine := range []string{engineNATS, engineRedis} {
		t.Run(engine, func(t *testing.T) {
			requireBroker(t, engine)
			s, err := parseFlags(small(engine, names()))
			if err != nil {
				t.Fatal(err)
			}
			all, err := s.measure(io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			if want := 2 + 2*2*2 + 2; len(all) != want {
				t.Errorf("got %d results, want %d: a load from one place and two from two against two servers, and two for the hub alone", len(all), want)
			}
			for _, r := range all {
				checkResult(t, r)
			}
			if err := all.failed(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestANodeWithoutABrokerIsMeasured(t *testing.T) {
	s, err := parseFlags(small(engineNone, "topics", "-nodes", "1"))
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.measure(io.Discard)
	if err != nil || len(all) != 2 {
		t.Fatalf("got %d results and %v, want one of the hub and one of centrifuge", len(all), err)
	}
	for _, r := range all {
		checkResult(t, r)
	}
}

// checkResult holds one result against what no cluster may do. A hub that may have missed events of others says so, whether or not it has: a told gap of
// a type without history is a figure and no fault. Streams have none here, for all of them is kept.
func checkResult(t *testing.T, r result) {
	t.Helper()
	if r.Err != nil {
		t.Errorf("%v: %v", r.turn, r.Err)
		return
	}
	for _, name := range []string{metricMissing, metricFaults, metricRepeated, metricGaps} {
		if name == metricGaps && r.turn.work.kind == kindLoad {
			continue
		}
		if value, has := r.value(name); has && value != 0 {
			t.Errorf("%v: got %v of %q, want none; %s", r.turn, value, name, r.Note)
		}
	}
	positive := metricDeliveries
	if r.turn.work.kind != kindLoad {
		positive = metricMoved
	}
	if value, _ := r.value(positive); value <= 0 {
		t.Errorf("%v: got %v of %q, want some", r.turn, value, positive)
	}
}

// requireBroker skips a test whose broker can't be had here. Where CI is set it has to be there, so that the test fails then.
func requireBroker(t *testing.T, engine string) {
	t.Helper()
	err := buildNATS("../..", t.TempDir())
	if engine == engineRedis {
		_, err = exec.LookPath("redis-server")
	}
	if err != nil && os.Getenv("CI") == "" {
		t.Skipf("no broker for %s can be had here: %v", engine, err)
	}
}

func TestFlagsThatCanNotBeMeasuredAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		arguments []string
		want      string
	}{
		"an unknown engine":             {[]string{"-engines", "kafka"}, "-engines"},
		"an unknown work":               {[]string{"-works", "sleep"}, "-works"},
		"an unknown server":             {[]string{"-servers", "bun"}, "-servers"},
		"nowhere to publish":            {[]string{"-from", ""}, "-from"},
		"more nodes than groups":        {[]string{"-nodes", "99"}, "-nodes"},
		"several nodes and no broker":   {[]string{"-engines", "none"}, "-engines"},
		"fewer spokes than nodes":       {[]string{"-spokes", "3"}, "-spokes"},
		"envelopes without room":        {[]string{"-payload", "10"}, "-payload"},
		"no rate":                       {[]string{"-users-rate", "0"}, "rates"},
		"something that is no flag":     {[]string{"everything"}, "unknown argument"},
		"fewer clients than nodes have": {[]string{"-clients", "1"}, "-clients"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := parseFlags(c.arguments); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error about %q", err, c.want)
			}
		})
	}
}
