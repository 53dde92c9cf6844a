package doctor

import (
	"cmp"
	"slices"
)

// Report says how many spokes a machine takes.
type Report struct {
	// Machine is what it is, in a line.
	Machine string `json:"machine"`
	// Wanted is how many spokes there are to be.
	Wanted uint64 `json:"wanted"`
	// Spokes is how many the machine takes as it is.
	Spokes uint64 `json:"spokes"`
	// First is the limit that is hit first, "" if there is none.
	First string `json:"first"`
	// Enough says that Spokes is not below Wanted.
	Enough bool `json:"enough"`
	// MemoryBudget is --memory-budget or its default, in bytes.
	MemoryBudget uint64 `json:"memory_budget"`
	// Bounds are in the order in which they are hit. Those that bound nothing come last.
	Bounds []Bound `json:"bounds"`
	// Notes are the limits on something else.
	Notes []Note `json:"notes"`
	// Constants are what all this is reckoned with.
	Constants Constants `json:"a_spoke_takes"`
}

// Examine says what limits a plan on a machine.
func Examine(m Machine, p Plan) Report {
	e := &examination{Machine: m, plan: p, one: constants(p, m.Process.Procs)}
	r := Report{Machine: m.headline(), Wanted: p.Spokes, MemoryBudget: e.memoryBudget(), Bounds: e.bounds(), Notes: e.notes(), Constants: e.one}
	slices.SortStableFunc(r.Bounds, func(a, b Bound) int {
		switch {
		case a.Free != b.Free && a.Free:
			return 1
		case a.Free != b.Free:
			return -1
		}
		return cmp.Compare(a.Spokes, b.Spokes)
	})
	if first := r.Bounds[0]; !first.Free {
		r.Spokes, r.First = first.Spokes, first.Name
	}
	r.Enough = r.First == "" || r.Spokes >= r.Wanted
	return r
}
