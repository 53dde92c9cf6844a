package main

import (
	"slices"
	"testing"
)

func TestMemoryIsGivenBack(t *testing.T) {
	const mib = 1 << 20
	for name, c := range map[string]struct {
		looks []holding
		want  []bool
	}{
		"after a spike, once it is quiet":                {[]holding{{100 * mib, 3}, {100 * mib, 4}}, []bool{false, true}},
		"not while the collector runs by itself":         {[]holding{{100 * mib, 3}, {100 * mib, 5}}, []bool{false, false}},
		"not for a little":                               {[]holding{{11 * mib, 1}, {12 * mib, 1}}, []bool{false, false}},
		"not again while the same is needed":             {[]holding{{100 * mib, 1}, {100 * mib, 1}, {100 * mib, 1}}, []bool{true, false, false}},
		"again after the next spike":                     {[]holding{{100 * mib, 1}, {150 * mib, 1}}, []bool{true, true}},
		"measured by the least that was once enough":     {[]holding{{8 * mib, 1}, {10 * mib, 1}}, []bool{false, true}},
		"not when less is held than at the last spike's": {[]holding{{100 * mib, 1}, {90 * mib, 1}}, []bool{true, false}},
	} {
		t.Run(name, func(t *testing.T) {
			freed := false
			look := holding{}
			g := giver{
				read: func() holding { return look }, free: func() { freed = true },
				least: 10 * mib, last: holding{10 * mib, 1},
			}
			var got []bool
			for _, look = range c.looks {
				freed = false
				g.look()
				got = append(got, freed)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
