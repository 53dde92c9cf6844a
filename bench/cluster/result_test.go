//go:build linux

package main

import (
	"errors"
	"strings"
	"testing"
)

// madeUp are results of one metric for one work on one engine.
func madeUp(server string, values ...float64) (all results) {
	for _, value := range values {
		r := result{turn: turn{work{name: "topics", title: "Topics"}, engineNATS, server, fromOne}}
		r.set(metricP99, value)
		all = append(all, r)
	}
	return all
}

func TestTheReportHasMediansAndTheirRatio(t *testing.T) {
	all := append(madeUp(serverHub, 3, 1, 2), madeUp(serverCentrifuge, 4, 8, 4)...)
	if got, want := all.markdown("head\n"), "| p99, ms | 2 | 4 | 0.5 |"; !strings.Contains(got, want) {
		t.Errorf("got %s, want %q in it", got, want)
	}
}

func TestTheReportSaysWhichRunsFailed(t *testing.T) {
	all := append(madeUp(serverHub, 3), result{turn: turn{work{name: "topics"}, engineNATS, serverCentrifuge, fromOne}, Err: errors.New("out of luck")})
	got := all.markdown("")
	for _, want := range []string{"| p99, ms | 3 | - |  |", "A run of centrifuge failed: out of luck"} {
		if !strings.Contains(got, want) {
			t.Errorf("got %s, want %q in it", got, want)
		}
	}
	if all.failed() == nil {
		t.Error("got no error, want one for the run that failed")
	}
}

func TestEveryoneBeginsARun(t *testing.T) {
	s := settings{engines: []string{engineNATS}, servers: []string{serverHub, serverCentrifuge}, works: []string{"topics"}, from: []string{fromOne},
		sizes: sizes{nodes: 2, spokes: 10, topics: 5}}
	for run, want := range []string{serverHub, serverCentrifuge, serverHub} {
		if got := s.turns(run)[0].Server; got != want {
			t.Errorf("run %d: got %s first, want %s", run, got, want)
		}
	}
}

func TestThingsAreDealtInTurn(t *testing.T) {
	for _, c := range [][4]uint64{{7, 3, 0, 3}, {7, 3, 1, 2}, {7, 3, 2, 2}, {0, 3, 0, 0}, {6, 3, 2, 2}} {
		if got := share(c[0], c[1], c[2]); got != c[3] {
			t.Errorf("%d things to %d, number %d: got %d, want %d", c[0], c[1], c[2], got, c[3])
		}
	}
}

func TestFiguresHaveThreeDigits(t *testing.T) {
	for want, v := range map[string]float64{"0": 0, "0.131": 0.1314, "4.7": 4.7, "25.5": 25.51, "218": 218.2, "12.3 k": 12_345.6, "10.17 M": 10_170_000} {
		if got := figure(v); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
