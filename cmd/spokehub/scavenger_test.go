package main

import (
	"slices"
	"testing"
)

func TestScavengerFreesMemory(t *testing.T) {
	const mib = 1 << 20
	for name, c := range map[string]struct {
		checks []memoryUse
		want   []bool
	}{
		"after a spike":    {[]memoryUse{{10 * mib, 5 * mib}, {100 * mib, 5 * mib}}, []bool{false, true}},
		"not for a little": {[]memoryUse{{11 * mib, 5 * mib}, {12 * mib, 5 * mib}}, []bool{false, false}},
		"compared with the least that was ever enough": {[]memoryUse{{8 * mib, 5 * mib}, {10 * mib, 5 * mib}}, []bool{false, true}},
		"less and less often while the memory is needed": {
			slices.Repeat([]memoryUse{{100 * mib, 50 * mib}}, 8),
			[]bool{true, true, false, true, false, false, false, true},
		},
		"once it has stopped growing": {
			[]memoryUse{{100 * mib, 50 * mib}, {100 * mib, 50 * mib}, {150 * mib, 80 * mib}, {180 * mib, 90 * mib}, {180 * mib, 90 * mib}},
			[]bool{true, true, false, false, true},
		},
		"at once when much of it has died": {
			[]memoryUse{{100 * mib, 50 * mib}, {100 * mib, 50 * mib}, {100 * mib, 10 * mib}},
			[]bool{true, true, true},
		},
		"not at once for garbage": {
			[]memoryUse{{100 * mib, 50 * mib}, {100 * mib, 50 * mib}, {150 * mib, 50 * mib}},
			[]bool{true, true, false},
		},
		"again when the first time was too early": {
			[]memoryUse{{100 * mib, 50 * mib}, {30 * mib, 10 * mib}, {10 * mib, 5 * mib}},
			[]bool{true, true, false},
		},
	} {
		t.Run(name, func(t *testing.T) {
			freed := false
			use := memoryUse{}
			s := scavenger{read: func() memoryUse { return use }, free: func() { freed = true }, minHeld: 10 * mib, lastLive: 50 * mib}
			var got []bool
			for _, use = range c.checks {
				freed = false
				s.check()
				got = append(got, freed)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
