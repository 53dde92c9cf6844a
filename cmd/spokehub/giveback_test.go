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
		"after a spike":    {[]holding{{10 * mib, 5 * mib}, {100 * mib, 5 * mib}}, []bool{false, true}},
		"not for a little": {[]holding{{11 * mib, 5 * mib}, {12 * mib, 5 * mib}}, []bool{false, false}},
		"measured by the least that was once enough": {[]holding{{8 * mib, 5 * mib}, {10 * mib, 5 * mib}}, []bool{false, true}},
		"less and less often while it is needed": {
			slices.Repeat([]holding{{100 * mib, 50 * mib}}, 8),
			[]bool{true, true, false, true, false, false, false, true},
		},
		"once no more comes": {
			[]holding{{100 * mib, 50 * mib}, {100 * mib, 50 * mib}, {150 * mib, 80 * mib}, {180 * mib, 90 * mib}, {180 * mib, 90 * mib}},
			[]bool{true, true, false, false, true},
		},
		"at once when much has gone": {
			[]holding{{100 * mib, 50 * mib}, {100 * mib, 50 * mib}, {100 * mib, 10 * mib}},
			[]bool{true, true, true},
		},
		"not at once for garbage": {
			[]holding{{100 * mib, 50 * mib}, {100 * mib, 50 * mib}, {150 * mib, 50 * mib}},
			[]bool{true, true, false},
		},
		"once more when the first time was too early": {
			[]holding{{100 * mib, 50 * mib}, {30 * mib, 10 * mib}, {10 * mib, 5 * mib}},
			[]bool{true, true, false},
		},
	} {
		t.Run(name, func(t *testing.T) {
			freed := false
			look := holding{}
			g := giver{read: func() holding { return look }, free: func() { freed = true }, least: 10 * mib, alive: 50 * mib}
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
