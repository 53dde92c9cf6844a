//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/spokehub/spokehub/bench/swarm"
)

// fine is an outcome that misses nothing.
func fine() outcome {
	latency := func() *swarm.Latency {
		l := swarm.NewLatency()
		l.Record(int64(time.Millisecond))
		return l
	}
	return outcome{
		attack: attack{name: "a", limited: true, wanted: wanted{end: endOpen}}, victim: "hub", attackers: 3, took: time.Second,
		usage:     usage{start: 16 << 20, peak: 600 << 20, cpu: time.Second},
		innocents: innocentsReport{Ping: latency(), Event: latency(), Late: latency(), Health: healthReport{Latency: latency(), Checks: 20}, Closed: map[string]int{}},
		gang:      attackReport{Ends: map[string]int{endOpen: 3}},
	}
}

func TestATargetIsMissed(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*outcome)
		want   []string
	}{
		"not when all is well":              {func(*outcome) {}, nil},
		"when pings are slow":               {func(o *outcome) { o.innocents.Ping.Record(int64(22 * time.Millisecond)) }, []string{"ping"}},
		"when health checks are slow":       {func(o *outcome) { o.innocents.Health.Latency.Record(int64(52 * time.Millisecond)) }, []string{"/healthz"}},
		"when a health check fails":         {func(o *outcome) { o.innocents.Health.Failed = 1 }, []string{"/healthz failed"}},
		"when an innocent is closed":        {func(o *outcome) { o.innocents.Closed["1013"] = 1 }, []string{"innocents closed"}},
		"when one of the crowd is":          {func(o *outcome) { o.crowd.Closed = map[string]int{endReset: 1} }, []string{"innocents closed"}},
		"when the hub has recovered panics": {func(o *outcome) { o.panics = 1 }, []string{"panics"}},
		"when too much is resident":         {func(o *outcome) { o.usage.peak++ }, []string{"resident"}},
		"not by memory without a limit":     {func(o *outcome) { o.usage.peak++; o.attack.limited = false }, nil},
		"when an attacker ends otherwise":   {func(o *outcome) { o.gang.Ends["1008"] = 2 }, []string{"2 did not end as wanted: open"}},
		"not when innocents were late themselves": {func(o *outcome) {
			o.innocents.Ping.Record(int64(50 * time.Millisecond))
			o.innocents.Late.Record(int64(40 * time.Millisecond))
		}, nil},
		"not by latency when the server was told": {func(o *outcome) { o.innocents.Ping.Record(int64(time.Second)); o.attack.stops = true }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			o := fine()
			c.change(&o)
			if got := o.missed(); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if got := anyMissed([]outcome{fine(), o}); got != (len(c.want) > 0) {
				t.Errorf("got missed %v, want %v", got, len(c.want) > 0)
			}
		})
	}
}

func TestAFailureIsMissedByTheHubAlone(t *testing.T) {
	failed := outcome{victim: "hub", failure: errors.New("no")}
	if peer := (outcome{victim: "gws", failure: errors.New("no")}); !anyMissed([]outcome{failed}) || anyMissed([]outcome{peer}) {
		t.Errorf("got %v for the hub and %v for a peer, want true and false", anyMissed([]outcome{failed}), anyMissed([]outcome{peer}))
	}
}

func TestEveryRowHasAsManyCellsAsTheHead(t *testing.T) {
	table := renderTable(options{settings: settings{duration: time.Second, clients: 3}}, []outcome{fine(), fine()})
	rows := 0
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "|") {
			continue
		}
		if rows++; strings.Count(line, "|") != 15 {
			t.Errorf("got %d bars, want 15: %s", strings.Count(line, "|"), line)
		}
	}
	if rows != 4 {
		t.Errorf("got %d rows, want 4", rows)
	}
}

func TestEndsAreNamed(t *testing.T) {
	for want, err := range map[string]error{
		endOpen: os.ErrDeadlineExceeded, endReset: fmt.Errorf("read: %w", syscall.ECONNRESET), endStream: io.ErrUnexpectedEOF, "strange": errors.New("strange"),
	} {
		if got := errorEnd(err); got != want {
			t.Errorf("got %q for %v, want %q", got, err, want)
		}
	}
	for want, payload := range map[string][]byte{"1013": ws.NewCloseFrameBody(1013, "later"), "1005": nil} {
		if got := closeEnd(payload); got != want {
			t.Errorf("got %q for %q, want %q", got, payload, want)
		}
	}
	for want, answer := range map[string]string{"HTTP 408": "HTTP/1.1 408 Request Timeout\r\n", endStream: ""} {
		if got := readStatus(strings.NewReader(answer)); got != want {
			t.Errorf("got %q for %q, want %q", got, answer, want)
		}
	}
}

func TestTheMostFrequentEndsAreShown(t *testing.T) {
	for want, ends := range map[string]map[string]int{
		"":                                    nil,
		"3 open, 1 1013, 1 reset":             {"1013": 1, endOpen: 3, endReset: 1},
		"9 open, 4 1008, 3 1009, 2 1013, ...": {"1013": 2, "1008": 4, "1009": 3, "1002": 1, endOpen: 9},
	} {
		if got := showEnds(ends); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
