package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// cgroupShare is how much of the cgroup's memory GOMEMLIMIT is if nobody has set it. The rest is for the kernel's part and what Go does not count.
const cgroupShare = 0.9

// memoryLimitSource is where GOMEMLIMIT comes from.
type memoryLimitSource string

const (
	limitFromVariable memoryLimitSource = "GOMEMLIMIT"
	limitFromCgroup   memoryLimitSource = "cgroup"
	limitNowhere      memoryLimitSource = "nowhere"
)

// takeMemoryLimit sets GOMEMLIMIT to a share of what the cgroups of the process allow, unless the variable is set or AUTOMEMLIMIT is off.
// The memory budget's default follows it. AUTOMEMLIMIT may be another share.
func takeMemoryLimit() (memoryLimitSource, error) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return limitFromVariable, nil
	}
	share := os.Getenv("AUTOMEMLIMIT")
	if share == "off" {
		return limitNowhere, nil
	}
	_, err := memlimit.Set(memlimit.WithRatio(cgroupShare), memlimit.WithProvider(memlimit.FromCgroup))
	switch {
	case err == nil && debug.SetMemoryLimit(-1) != math.MaxInt64:
		return limitFromCgroup, nil
	case err == nil, errors.Is(err, memlimit.ErrNoCgroup), errors.Is(err, memlimit.ErrCgroupsNotSupported):
		return limitNowhere, nil
	}
	return limitNowhere, fmt.Errorf("take GOMEMLIMIT from the cgroup (AUTOMEMLIMIT=%q): %w: set GOMEMLIMIT, or AUTOMEMLIMIT=off", share, err)
}
