//go:build linux

package load

import "github.com/spokehub/spokehub/bench/swarm"

// Workload is one kind of work with its parameters.
type Workload struct {
	// Label is short, as tables show it: saturate, one-in-flight.
	Label string
	// Parameters are key=value, for benchstat.
	Parameters string

	// mode is what kind of server it needs, controls that the server must understand the hub's control events.
	mode     Mode
	controls bool
	// connections is how many there are in all, processes the least number of client processes.
	connections, processes int
	// measure does the work. It is called once, on a fresh server.
	measure func(s *setup)
}

// Name is the label and the parameters.
func (w Workload) Name() string { return w.Label + "/" + w.Parameters }

// Suits reports whether a target can do this work.
func (w Workload) Suits(t *Target) bool {
	return t.Commands[w.mode] != nil && (!w.controls || t.Dialect == swarm.DialectHub)
}
