//go:build linux

package swarm

import (
	"fmt"
	"math"
	"time"

	"golang.org/x/sys/unix"
)

// clock reads CLOCK_MONOTONIC, which all processes of a machine share, without a system call for each reading.
type clock struct {
	base   time.Time
	offset int64
	// last is the reading of the last call of read.
	last int64
}

// newClock ties Go's monotonic reading to the kernel's: the tightest of a few tries, good to about a microsecond.
func newClock() clock {
	best := clock{}
	tightest := time.Hour
	for range 16 {
		base := time.Now()
		now := monotonic()
		if took := time.Since(base); took < tightest {
			tightest = took
			best = clock{base: base, offset: now - int64(took)/2}
		}
	}
	return best
}

func monotonic() int64 {
	var ts unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return ts.Nano()
}

// read returns the time in nanoseconds.
func (c *clock) read() int64 {
	c.last = c.offset + int64(time.Since(c.base))
	return c.last
}

// AppendEvent appends an event as a publisher of a Fleet sends it, and its subscribers check it: the number seq of its topic, due now.
// The envelope has size bytes.
func AppendEvent(dst []byte, topic, seq uint32, size int) []byte {
	return appendEnvelope(dst, tick{topic: topic, seq: seq, at: monotonic()}, size)
}

// never is a time that doesn't come.
const never = int64(math.MaxInt64)

// timer is a timerfd on the clock of stamps.
type timer struct {
	fd int
	// due is the time for which it is set; never if it isn't.
	due int64
}

func newTimer() (timer, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return timer{}, fmt.Errorf("make a timer: %w", err)
	}
	return timer{fd: fd, due: never}, nil
}

func (t *timer) set(due int64) {
	if due == t.due || due == never {
		return
	}
	t.due = due
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(due)}
	unix.TimerfdSettime(t.fd, unix.TFD_TIMER_ABSTIME, &spec, nil)
}

// expired takes note that it has fired.
func (t *timer) expired() {
	var expirations [8]byte
	t.due = never
	readRaw(t.fd, expirations[:])
}
