package fanout

import "time"

// moment is a second since epoch in three bytes, which begin anew after 194 days. So ages below that are right.
type moment [3]byte

const momentMask = 1<<24 - 1

func momentOf(sinceEpoch time.Duration) moment {
	seconds := uint32(sinceEpoch / time.Second)
	return moment{byte(seconds >> 16), byte(seconds >> 8), byte(seconds)}
}

// time is when that was, to the second.
func (m moment) time() time.Time {
	now, then := uint32(time.Since(epoch)/time.Second), uint32(m[0])<<16|uint32(m[1])<<8|uint32(m[2])
	then = now - (now-then)&momentMask
	return epoch.Add(time.Duration(then) * time.Second).Truncate(time.Second)
}
