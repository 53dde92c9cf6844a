//go:build linux

package load

// Workload is one kind of work. The types of this package that are named for workloads implement it.
type Workload interface {
	// Name has the parameters as key=value, for benchstat.
	Name() string

	connections() int
	processes() int
	measure(s *Stand) error
}
