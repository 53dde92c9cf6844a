package stream

import "time"

// tickShift is how many bits of a duration in nanoseconds a tick leaves out.
const tickShift = 24

// tick is a moment of a store in units of 16.8 ms. It wraps around after two years, so two ticks can be compared that are less than a
// year apart.
type tick uint32

// tickAt is the tick of a moment, given as the time since the store began.
func tickAt(now time.Duration) tick { return tick(now >> tickShift) }

// ticksOf is how many ticks a duration has at most.
func ticksOf(d time.Duration) int32 { return int32((d + 1<<tickShift - 1) >> tickShift) }

// since is how many ticks have passed since earlier.
func (t tick) since(earlier tick) int32 { return int32(t - earlier) }

// durationOf is how long that many ticks take.
func durationOf(ticks int32) time.Duration { return time.Duration(ticks) << tickShift }
