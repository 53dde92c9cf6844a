package rules

import "testing"

func TestFilesForTestsAloneAreNotReleased(t *testing.T) {
	for name, c := range map[string]struct {
		constraint string
		want       bool
	}{
		"released without a constraint":        {"", true},
		"released for one system":              {"//go:build linux\n\n", true},
		"released for all systems but one":     {"//go:build !linux\n\n", true},
		"released without a tag of our own":    {"//go:build linux && !faults\n\n", true},
		"not released with a tag of our own":   {"//go:build faults\n\n", false},
		"not released with a tag and a system": {"//go:build linux && faults\n\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := parseSource(t, "p.go", c.constraint+"package p\n").isReleased(); got != c.want {
				t.Errorf("got released %v, want %v", got, c.want)
			}
		})
	}
}
