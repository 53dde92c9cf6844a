package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// scavengeInterval is the time between two checks.
	scavengeInterval = 5 * time.Second
	// maxPause is the longest pause between two collections, in checks: the runtime itself collects every two minutes.
	maxPause = int(2 * time.Minute / scavengeInterval)
	// minExcess is the smallest number of bytes worth freeing.
	minExcess = 1 << 20
	// gcPercent is how much garbage, in percent of live memory, starts a collection. The hub makes hardly any garbage, so
	// half of Go's default costs no measurable CPU and saves an idle client 80 of 300 bytes.
	gcPercent = 50
)

// setGCPercent lowers the garbage target, unless the operator has set GOGC.
func setGCPercent() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

// memoryUse is how many bytes of the system's memory the Go runtime holds, and how many of them were live at the last
// collection.
type memoryUse struct {
	held, live uint64
}

// scavenger returns to the system the memory that a spike has left behind. Collections are driven by allocation, so a hub
// that thousands of clients have just left hardly collects, and their memory would stay for minutes.
//
// Only a collection shows whether memory is still needed. The first one may come while the clients are still leaving, so
// the scavenger tries again, after a pause that doubles up to the two minutes at which the runtime collects anyway: a hub
// whose clients stay pays no more than it would without a scavenger.
//
// One goroutine owns it.
type scavenger struct {
	read func() memoryUse
	free func()
	// minHeld is the least that was ever enough.
	minHeld uint64
	// lastLive is the live memory at the last check.
	lastLive uint64
	// freed is the memory use right after the last collection.
	freed memoryUse
	// pause is the number of checks from one collection to the next, and wait how many of them are left.
	pause, wait int
}

func newScavenger() *scavenger {
	now := readMemoryUse()
	return &scavenger{read: readMemoryUse, free: freeMemory, minHeld: now.held, lastLive: now.live}
}

// run checks every few seconds until stop is closed.
func (s *scavenger) run(stop <-chan struct{}) {
	ticker := time.NewTicker(scavengeInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.check()
		case <-stop:
			return
		}
	}
}

// check frees memory if the runtime holds a tenth more than was once enough, live memory is not growing by as much, and
// either the pause is over or live memory has changed by as much since the last collection.
func (s *scavenger) check() {
	now := s.read()
	growing := exceeds(now.live, s.lastLive)
	s.lastLive = now.live
	s.minHeld = min(s.minHeld, now.held)
	s.wait--
	if exceeds(now.live, s.freed.live) || exceeds(s.freed.live, now.live) {
		s.pause, s.wait = 0, 0
	}
	if growing || s.wait > 0 || !exceeds(now.held, s.minHeld) {
		return
	}
	s.free()
	s.freed = s.read()
	s.lastLive = s.freed.live
	s.minHeld = min(s.minHeld, s.freed.held)
	s.pause = min(max(2*s.pause, 1), maxPause)
	s.wait = s.pause
}

// exceeds reports whether bytes is more than base by a tenth and minExcess.
func exceeds(bytes, base uint64) bool {
	return bytes > base+base/10+minExcess
}

func readMemoryUse() memoryUse {
	samples := []metrics.Sample{
		{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}, {Name: "/gc/heap/live:bytes"},
	}
	metrics.Read(samples)
	return memoryUse{held: samples[0].Value.Uint64() - samples[1].Value.Uint64(), live: samples[2].Value.Uint64()}
}

// freeMemory collects twice, because what lies in a sync.Pool survives one collection.
func freeMemory() {
	runtime.GC()
	debug.FreeOSMemory()
}
