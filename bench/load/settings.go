//go:build linux

package load

import (
	"io"
	"time"
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
	// Profile is a directory for a CPU profile of the hub's user time for each span that is measured; empty for none.
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
