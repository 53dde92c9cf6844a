//go:build linux

package swarm

import (
	"fmt"
	"math"

	"golang.org/x/sys/unix"
)

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
