//go:build linux

package main

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/spokehub/spokehub/bench/swarm"
)

// track is a series of numbered things, due at even distances, of which every step-th belongs to one connection. It turns their
// arrivals into latencies since they were due. Whoever owns it guards it.
//
// I1: next is the first of the connection's that has not arrived.
type track struct {
	begin      time.Time
	every      time.Duration
	next, step int
	latency    *swarm.Latency
}

// due is when a number is due.
func (t *track) due(number int) time.Time { return t.begin.Add(time.Duration(number) * t.every) }

// arrived takes note of a number and of those before it, which it answers too: a server may answer only the last of several pings.
func (t *track) arrived(number int, now time.Time) {
	for ; t.next <= number; t.next += t.step {
		t.latency.Record(int64(now.Sub(t.due(t.next))))
	}
}

// finish takes what was due until then and has not arrived as arriving now, and returns how many those are.
func (t *track) finish(now, until time.Time) (missing int) {
	for ; t.due(t.next).Before(until); t.next += t.step {
		t.latency.Record(int64(now.Sub(t.due(t.next))))
		missing++
	}
	return missing
}

// onSchedule waits until a number is due, and returns false if it stops before that. It sleeps in the kernel: Go's timers may be a millisecond
// late.
func onSchedule(begin time.Time, every time.Duration, number int, stop <-chan struct{}) bool {
	due := begin.Add(time.Duration(number) * every)
	for left := time.Until(due); left > 0; left = time.Until(due) {
		pause := unix.NsecToTimespec(int64(left))
		unix.Nanosleep(&pause, nil)
	}
	select {
	case <-stop:
		return false
	default:
		return true
	}
}
