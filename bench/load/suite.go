//go:build linux

// Package load measures a WebSocket server with a swarm of clients over real sockets: the hub's real binary, or a peer, in a process of
// its own on cores of its own. `go test -bench load ./bench` and bench/peers share it.
//
// Run takes a Target, which is a server that can be started, and a Workload, which connects clients, publishes and measures. It returns a
// Result: metrics, and notes on what a reader must know, such as a lost event, a ledger that doesn't add up, or a generator that was the
// bottleneck.
package load

import (
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/gobwas/ws"

	"github.com/spokehub/spokehub/bench/swarm"
)

// Settings are what all workloads of a run have in common.
type Settings struct {
	// Duration is how long each workload is measured; 0 means five seconds, or 1.5 with Short.
	Duration time.Duration
	// Warmup goes before it; 0 means a fifth of it, at most a second.
	Warmup time.Duration
	// Short asks for one quick pass.
	Short bool
	// ServerCores is how many cores the server gets; 0 means two, or one on a machine of three cores or fewer.
	ServerCores int
	// Clients is how many client processes there are at least; 0 means one for each other core.
	Clients int
	// Profile is a directory for a CPU profile of the hub's user time for each span that is measured, and for one of its heap with idle
	// spokes; empty for none.
	Profile string
	// Progress gets a line every two seconds.
	Progress io.Writer
}

const (
	defaultDuration = 5 * time.Second
	shortDuration   = 1500 * time.Millisecond
)

func (s Settings) duration() time.Duration {
	if s.Short {
		return or(s.Duration, shortDuration)
	}
	return or(s.Duration, defaultDuration)
}

func (s Settings) warmup() time.Duration { return or(s.Warmup, min(s.duration()/5, time.Second)) }

// layout is which cores the server and the clients run on.
type layout struct {
	server, clients []int
}

// plan divides the cores: the first ones for the server, the rest for the clients. With one core they share it.
func (s Settings) plan(cores []int) layout {
	usual := 2
	if len(cores) <= 3 {
		usual = 1
	}
	want := min(or(s.ServerCores, usual), max(len(cores)-1, 1))
	if want == len(cores) {
		return layout{server: cores, clients: cores}
	}
	return layout{server: cores[:want], clients: cores[want:]}
}

// Workload is one kind of work with its parameters.
type Workload struct {
	// Label is short, as tables show it: saturate, one-in-flight.
	Label string
	// Parameters are key=value, for benchstat.
	Parameters string

	// mode is what kind of server it needs, controls that the server must understand the hub's control events.
	mode     Mode
	controls bool
	// streams is true for one that needs a server which keeps events.
	streams bool
	// secure is true for one that shows what TLS alone does.
	secure bool
	// connections is how many there are in all, processes the least number of client processes.
	connections, processes int
	// measure does the work. It is called once, on a fresh server.
	measure func(s *setup)
}

// Name is the label and the parameters.
func (w Workload) Name() string { return w.Label + "/" + w.Parameters }

// Suits reports whether a target can do this work.
func (w Workload) Suits(t *Target) bool {
	return t.Commands[w.mode] != nil && (!w.controls || t.Dialect == swarm.DialectHub) && (!w.secure || t.Certificate != "") && (!w.streams || t.streams)
}

// Labels are those of all workloads, each once.
func Labels() (labels []string) {
	for _, w := range Suite(Sizes{}, true) {
		if !slices.Contains(labels, w.Label) {
			labels = append(labels, w.Label)
		}
	}
	return labels
}

// Sizes change the suite: zero means what the suite has by itself.
type Sizes struct {
	// Spokes replaces the number of spokes of every workload.
	Spokes int
	// Payload is the length of an envelope in bytes.
	Payload int
	// Window is how many messages are in flight where a workload keeps a window of more than one.
	Window int
	// Rate is events a second where a workload has a rate.
	Rate float64
	// Room is how many connections the server's file limit allows; 0 means any number.
	Room int
}

// Fit bounds the sizes by what one process of a server may have open, and notes if that changes them.
func (z Sizes) Fit(limit swarm.FileLimit) (fitting Sizes, note string) {
	z.Room = limit.Room()
	if wanted := max(z.Spokes, grownTo); wanted > z.Room {
		note = fmt.Sprintf("the file limit of %d allows %d spokes, not %d", limit, z.Room, wanted)
	}
	return z, note
}

// workload names the parameters as a format gives them.
func workload(label string, connections int, measure func(*setup), format string, parameters ...any) Workload {
	return Workload{Label: label, Parameters: fmt.Sprintf(format, parameters...), connections: connections, measure: measure}
}

const (
	few        = 1000
	many       = 10_000
	idleSpokes = 18_000
	newcomers  = 5_000
	grownTo    = 19_000
	shortIdle  = 6_000
	shortGrown = 5_000

	shortMessage = 128
	longMessage  = 1 << 10
	pageMessage  = 4 << 10
	hugeMessage  = 32 << 10

	throttledTopics = 10
	missedEvents    = 1000
	keptEvents      = 50_000
	shortResumed    = 1000
)

// Suite lists every workload. A short one has fewer spokes where they only cost time.
func Suite(sizes Sizes, short bool) []Workload {
	room := or(sizes.Room, math.MaxInt)
	spokes := func(usual int) int { return min(or(sizes.Spokes, usual), room) }
	bytes := func(usual int) int { return or(sizes.Payload, usual) }
	window := func(usual int) int { return or(sizes.Window, usual) }
	perSecond := func(usual float64) float64 { return or(sizes.Rate, usual) }
	idlers, grown, resumed := spokes(idleSpokes), spokes(grownTo), spokes(many)
	if short {
		idlers, grown, resumed = min(idlers, shortIdle), min(grown, shortGrown), min(resumed, shortResumed)
	}
	topics := max(spokes(many)/10, 2)
	steady := rate{spokes(many), 1, bytes(shortMessage), perSecond(10)}
	giant := steady
	giant.spokes = max(min(giant.spokes, room-few), 1)
	return unique([]Workload{
		fanout{spokes(few), 1, window(64), bytes(shortMessage)}.workload("saturate"),
		fanout{spokes(few), 1, window(64), bytes(longMessage)}.workload("saturate"),
		fanout{spokes(many), 1, window(16), bytes(shortMessage)}.workload("saturate"),
		fanout{spokes(many), 1, window(16), bytes(longMessage)}.workload("saturate"),
		fanout{spokes(few), 1, 1, bytes(shortMessage)}.workload("one-in-flight"),
		fanout{spokes(many), 1, 1, bytes(shortMessage)}.workload("one-in-flight"),
		fanout{spokes(many), topics, window(64), bytes(shortMessage)}.workload("many-topics"),
		rate{spokes(few), 1, bytes(shortMessage), perSecond(100)}.workload("steady"),
		steady.workload("steady"),
		rate{spokes(many), topics, bytes(shortMessage), perSecond(1000)}.workload("tails"),
		idle{idlers}.workload("idle"),
		connect{min(spokes(newcomers), idlers)}.workload("connect"),
		events{spokes(few), 1, bytes(shortMessage)}.workload("events-in"),
		events{spokes(few), 16, bytes(shortMessage)}.workload("events-in"),
		slow{rate{spokes(few), 1, bytes(hugeMessage), perSecond(20)}}.workload("slow"),
		churn{giant, 100, 32, 50_000}.workload("churn"),
		mixed{giant, few, 1}.workload("mixed"),
		throttled{rate{spokes(few), throttledTopics, bytes(pageMessage), perSecond(50)}}.workload("throttled"),
		throttled{rate{spokes(few) / 10, throttledTopics, bytes(pageMessage), perSecond(200)}}.workload("throttled"),
		resume{resumed, missedEvents, bytes(shortMessage)}.workload("resume"),
		kept{keptEvents, bytes(shortMessage)}.workload("kept"),
		growth{few, max(grown, 2*few), bytes(shortMessage)}.workload("growth"),
		large{op: ws.OpText, bytes: mebibyte}.workload("large-in"),
		large{op: ws.OpText, bytes: 16 * mebibyte}.workload("large-in"),
		large{echo: true, op: ws.OpText, bytes: 16 * mebibyte}.workload("large-echo"),
		large{echo: true, op: ws.OpBinary, bytes: 16 * mebibyte}.workload("large-echo"),
		large{echo: true, op: ws.OpText, bytes: 16 * mebibyte, fragment: 64 << 10}.workload("large-echo"),
		large{echo: true, op: ws.OpBinary, bytes: 16 * mebibyte, fragment: 64 << 10}.workload("large-echo"),
	})
}

func or[N int | float64 | time.Duration](asked, usual N) N {
	if asked > 0 {
		return asked
	}
	return usual
}

// unique drops the workloads that sizes have made equal.
func unique(all []Workload) (different []Workload) {
	seen := map[string]bool{}
	for _, w := range all {
		if !seen[w.Name()] {
			different = append(different, w)
		}
		seen[w.Name()] = true
	}
	return different
}
