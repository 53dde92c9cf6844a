package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// byteSize is a number of bytes, written like 512, 64KiB, 1MiB or 2GB.
type byteSize int64

// byteUnits are tried in this order: a unit comes before the units that it ends with.
var byteUnits = []struct {
	suffix string
	factor float64
}{
	{"kib", 1 << 10},
	{"mib", 1 << 20},
	{"gib", 1 << 30},
	{"tib", 1 << 40},
	{"kb", 1e3},
	{"mb", 1e6},
	{"gb", 1e9},
	{"tb", 1e12},
	{"k", 1 << 10},
	{"m", 1 << 20},
	{"g", 1 << 30},
	{"t", 1 << 40},
	{"b", 1},
}

// UnmarshalText reads a size. The units are KiB, MiB, GiB and TiB (powers of 1024),
// K, M, G and T (the same), KB, MB, GB and TB (powers of 1000), and B. A number
// without a unit counts bytes. Case does not matter.
func (s *byteSize) UnmarshalText(text []byte) error {
	number, factor := strings.ToLower(strings.TrimSpace(string(text))), 1.0
	for _, unit := range byteUnits {
		if rest, found := strings.CutSuffix(number, unit.suffix); found {
			number, factor = strings.TrimSpace(rest), unit.factor
			break
		}
	}
	value, err := strconv.ParseFloat(number, 64)
	if value < 0 {
		return fmt.Errorf("%q is negative: write a number of bytes, or a number with a unit, such as 64KiB, 1MiB or 2GB", text)
	}
	if err != nil || math.IsNaN(value) {
		return fmt.Errorf("%q is not a size: write a number of bytes, or a number with a unit, such as 64KiB, 1MiB or 2GB", text)
	}
	if value*factor >= math.MaxInt64 {
		return fmt.Errorf("%q is more than %s", text, byteSize(math.MaxInt64))
	}
	*s = byteSize(value * factor)
	return nil
}

// String writes the size in the largest binary unit that divides it.
func (s byteSize) String() string {
	for _, unit := range []struct {
		suffix string
		factor byteSize
	}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if s >= unit.factor && s%unit.factor == 0 {
			return strconv.FormatInt(int64(s/unit.factor), 10) + unit.suffix
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}
