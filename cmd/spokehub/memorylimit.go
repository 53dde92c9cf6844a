package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"strconv"

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
	share := cgroupShare
	switch text := os.Getenv("AUTOMEMLIMIT"); text {
	case "off":
		return limitNowhere, nil
	case "":
	default:
		asked, err := strconv.ParseFloat(text, 64)
		if err != nil || !(asked > 0 && asked <= 1) {
			return limitNowhere, fmt.Errorf("AUTOMEMLIMIT: %q is not a share of the cgroup's memory: write off, or a number over 0 and up to 1, such as 0.9", text)
		}
		share = asked
	}
	limit, err := memlimit.ApplyRatio(memlimit.FromCgroup, share)()
	switch {
	case errors.Is(err, memlimit.ErrNoLimit), errors.Is(err, memlimit.ErrNoCgroup), errors.Is(err, memlimit.ErrCgroupsNotSupported):
		return limitNowhere, nil
	case err != nil:
		return limitNowhere, fmt.Errorf("the limit of the cgroup can't be read: %w: set GOMEMLIMIT, or AUTOMEMLIMIT=off", err)
	case limit > math.MaxInt64:
		return limitNowhere, nil
	}
	debug.SetMemoryLimit(int64(limit))
	return limitFromCgroup, nil
}
