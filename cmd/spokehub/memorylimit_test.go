package main

import (
	"errors"
	"math"
	"testing"
)

func TestMemoryLimitIsThatOfTheContainer(t *testing.T) {
	for name, c := range map[string]struct {
		gomemlimit string
		cgroup     uint64
		err        error
		want       int64
	}{
		"a container":         {"", 1 << 30, nil, 966367641},
		"GOMEMLIMIT is ahead": {"512MiB", 1 << 30, nil, 0},
		"no limit":            {"", math.MaxUint64, nil, 0},
		"no cgroup":           {"", 0, errors.New("no cgroup"), 0},
	} {
		if got := memoryLimitOf(c.gomemlimit, c.cgroup, c.err); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
}
