//go:build linux

package load

import (
	"fmt"
	"time"

	"github.com/spokehub/spokehub/bench/swarm"
)

const (
	idleFirst   = 1000
	idleBytes   = 128
	idleChecks  = 2
	steadyBytes = 64 << 10
)

// Idle connects and subscribes spokes and then leaves them alone: what each costs to connect, and to have.
type Idle struct {
	// Spokes is how many.
	Spokes int
}

// Name tells the parameters.
func (i Idle) Name() string { return fmt.Sprintf("spokes=%d", i.Spokes) }

func (i Idle) connections() int { return i.Spokes }

func (i Idle) processes() int { return 1 }

// footprint is the memory of the server and of the kernel at one moment.
type footprint struct {
	spokes  int
	process processMemory
	kernel  kernelMemory
}

func (i Idle) measure(s *Stand) error {
	spokes := s.fit(i.Spokes)
	first := min(idleFirst, spokes/2)
	garbageBefore, collected := s.garbageSeconds()
	empty, err := s.footprint(0)
	if err != nil {
		return err
	}
	before, err := readCPU(s.server.PID())
	if err != nil {
		return err
	}
	opened, err := s.connectIdle(0, first)
	if err != nil {
		return err
	}
	few, err := s.footprint(first)
	if err != nil {
		return err
	}
	rest, err := s.connectIdle(first, spokes-first)
	if err != nil {
		return err
	}
	if err := s.quiet(); err != nil {
		return err
	}
	after, err := readCPU(s.server.PID())
	if err != nil {
		return err
	}
	many, err := s.footprint(spokes)
	if err != nil {
		return err
	}
	s.addConnects(spokes, opened.Took+rest.Took, after.since(before))
	if garbage, known := s.garbageSeconds(); known && collected {
		s.result.Add(MetricGC, 100*(garbage-garbageBefore)/after.since(before).total().Seconds())
	}
	s.addFootprints(empty, few, many)
	if err := s.probe(spokes, 0); err != nil {
		return err
	}
	_, err = s.settle()
	return err
}

// connectIdle opens subscribers that ask for no answer.
func (s *Stand) connectIdle(first, count int) (swarm.Opened, error) {
	return s.connect(swarm.Plan{
		Group: groupMain, First: first, Count: count, Topics: 1, Size: idleBytes, Subscribe: true,
	})
}

// footprint waits until the server's memory stands still, and reads it.
func (s *Stand) footprint(spokes int) (footprint, error) {
	if err := s.quiet(); err != nil {
		return footprint{}, err
	}
	last, err := readMemory(s.server.PID())
	if err != nil {
		return footprint{}, err
	}
	for deadline := time.Now().Add(settleTimeout / 2); time.Now().Before(deadline); {
		if err := s.wait(10*pollEvery, "waiting for steady memory"); err != nil {
			return footprint{}, err
		}
		now, err := readMemory(s.server.PID())
		if err != nil {
			return footprint{}, err
		}
		if difference := now.rss - last.rss; difference < steadyBytes && difference > -steadyBytes {
			break
		}
		last = now
	}
	kernel, err := readKernelMemory()
	return footprint{spokes: spokes, process: last, kernel: kernel}, err
}

func (s *Stand) addConnects(spokes int, took time.Duration, used cpuTime) {
	each := func(d time.Duration) float64 { return d.Seconds() * 1e6 / float64(spokes) }
	s.result.Add(MetricConnects, float64(spokes)/took.Seconds())
	s.result.Add(MetricConnectCPU, each(used.total()))
	s.result.Add(MetricConnectUser, each(used.user()))
	s.result.Add(MetricConnectSys, each(used.system()))
}

// addFootprints adds bytes a spoke: of the whole process since it was empty, of the process from the first thousand on, and of
// the kernel for the server's end.
func (s *Stand) addFootprints(empty, few, many footprint) {
	spokes := float64(many.spokes)
	s.result.Add(MetricMemory, float64(many.process.rss-empty.process.rss)/spokes)
	s.result.Add(MetricPSS, float64(many.process.pss-empty.process.pss)/spokes)
	s.result.Add(MetricSlope, float64(many.process.rss-few.process.rss)/float64(many.spokes-few.spokes))
	s.result.Add(MetricKernel, float64(many.kernel.total()-empty.kernel.total())/spokes/2)
	if !many.kernel.exact {
		s.result.Note("/proc/slabinfo can't be read: the kernel's memory is the growth of all its slabs")
	}
}

// probe publishes a few events, so that settle sees whether every spoke is subscribed.
func (s *Stand) probe(spokes int, from uint64) error {
	if err := s.writer(groupWriters, 0); err != nil {
		return err
	}
	board := s.fleet.Board()
	before := board.Completed()
	if err := s.publishWindow(Fanout{Topics: 1, Window: 1, Bytes: idleBytes}, spokes, from); err != nil {
		return err
	}
	for since := time.Now(); board.Completed() < before+idleChecks && time.Since(since) < stallTimeout; {
		time.Sleep(pollEvery)
	}
	return nil
}
