//go:build faults && linux

package simulation

import (
	"os"
	"runtime"
	"time"

	"github.com/spokehub/spokehub/fanout"
)

// verifyRecords checks the callbacks of all spokes: each has begun and ended once, for a reason that exists.
func (s *sim) verifyRecords() {
	s.recorder.mu.Lock()
	defer s.recorder.mu.Unlock()
	owners := make(map[*fanout.Spoke]*client)
	for _, c := range s.clients {
		if c.spoke != nil {
			owners[c.spoke] = c
		}
	}
	hostiles := make(map[*fanout.Spoke]*hostile)
	for _, h := range s.hostiles {
		hostiles[h.spoke] = h
	}
	followers := make(map[*fanout.Spoke]*follower)
	for _, f := range s.followers.all {
		followers[f.spoke] = f
	}
	for spoke, seen := range s.recorder.records {
		c := owners[spoke]
		switch {
		case seen.connected != 1 || seen.disconnected != 1:
			s.fail("client %d: got %d OnConnection and %d OnDisconnection, want one of each", seen.client, seen.connected, seen.disconnected)
		case hostiles[spoke] != nil:
			s.verifyHostile(hostiles[spoke], seen)
			continue
		case followers[spoke] != nil:
			if f := followers[spoke]; !f.causes[seen.cause.Kind] {
				f.fail("got the cause %v, which nothing has caused", seen.cause)
			}
			continue
		case s.innocent != nil && s.innocent.spoke == spoke && seen.cause.Kind == fanout.CauseShutdown:
			continue
		case c == nil && (s.traits.plan.Reset > 0 || s.strangers):
			continue
		case c == nil:
			s.fail("got callbacks of spoke %d, which belongs to no client", spoke.ID())
		case !c.causes[seen.cause.Kind]:
			s.fail("%v: got the cause %v, which nothing has caused", c, seen.cause)
		}
		if seen.pressure != nil && seen.pressure.Queued > c.bytesSent-c.bytesArrived+closeFrameRoom {
			s.fail("%v: got closed for %d queued bytes, but at most %d were on their way", c, seen.pressure.Queued, c.bytesSent-c.bytesArrived)
		}
		s.verifyHeard(c, seen)
	}
	s.recorder.checkSuspicionsLocked(s.clients)
	if s.recorder.failed != "" {
		s.fail("%s", s.recorder.failed)
	}
}

// verifyHeard checks that OnEvent saw all events of a client whose end came after them.
func (s *sim) verifyHeard(c *client, seen *spokeRecord) {
	if !s.traits.onEvent {
		return
	}
	switch seen.cause.Kind {
	case fanout.CausePeerClosed, fanout.CauseViolation:
		if sent := len(s.series[relaySeries(c.id)]); seen.heard != sent {
			s.fail("%v: OnEvent got %d events, want the %d that it sent before its end (%v)", c, seen.heard, sent, seen.cause)
		}
	}
}

// stats returns the hub's counters, whose ledger must add up.
func (s *sim) stats() fanout.Stats {
	st := s.hub.Stats()
	lagged := st.DroppedTrimmed + st.DroppedSuperseded + st.DroppedSkipped
	accounted := st.Delivered + st.HandedBack + st.DroppedBackpressure + st.DroppedClosed + st.DroppedBudget + lagged + st.Queued
	if st.Deliveries != accounted {
		s.fail("ledger: got %d deliveries, want %d delivered + %d handed back + %d + %d + %d + %d dropped + %d queued", st.Deliveries,
			st.Delivered, st.HandedBack, st.DroppedBackpressure, st.DroppedClosed, st.DroppedBudget, lagged, st.Queued)
	}
	most := uint64(len(s.clients)+len(s.hostiles)+len(s.followers.all)+1) * uint64(2*s.traits.maxMessage+assemblyRoom)
	if st.Memory.Messages > most {
		s.fail("got %d bytes held for unfinished messages, want %d at most", st.Memory.Messages, most)
	}
	return st
}

// awaitEmptyIndexes waits until the indexes of topics and of users hold nothing. All connections have been cut.
func (s *sim) awaitEmptyIndexes() {
	s.await("indexes of topics and users that hold nothing", func() bool {
		st := s.stats()
		return st.Topics == 0 && st.Subscriptions == 0 && st.Memory.Subscriptions == 0
	})
}

// assemblyRoom is what an unfinished message takes beside its bytes at most.
const assemblyRoom = 2 << 10

// verifyStats checks the counters of a hub that has ended.
func (s *sim) verifyStats() {
	st := s.stats()
	got := s.followed.arrived
	for _, c := range s.clients {
		got += c.eventsArrived
	}
	pongs := uint64(0)
	for _, h := range s.hostiles {
		if h.polled {
			pongs += uint64(h.pongs)
		}
	}
	s.recorder.mu.Lock()
	panics := s.recorder.panics
	s.recorder.mu.Unlock()
	switch {
	case st.Queued != 0 || st.QueuedBytes != 0 || st.Connections != 0 || st.Topics != 0 || st.Subscriptions != 0 || st.Blocked != 0:
		s.fail("got left over: %+v", st)
	case pongs > st.Reads:
		s.fail("hostile clients got %d pongs, want one for each of %d reads at most", pongs, st.Reads)
	case st.Memory != fanout.Memory{}:
		s.fail("got memory of %+v left over, want none", st.Memory)
	case st.Panics != panics:
		s.fail("got %d panics, want %d", st.Panics, panics)
	case got > st.Delivered+st.HandedBack:
		s.fail("clients got %d events, but %d were delivered and %d handed back", got, st.Delivered, st.HandedBack)
	case st.Disconnected < uint64(len(s.recorder.records)) || st.Disconnected > uint64(len(s.recorder.records)+s.neverKnown):
		s.fail("got %d disconnected, want %d, and %d at most that nobody knew", st.Disconnected, len(s.recorder.records), s.neverKnown)
	}
}

// verifyNothingLeft waits until no goroutine and no descriptor of the run is left.
func (s *sim) verifyNothingLeft(goroutines, descriptors int) {
	for deadline := time.Now().Add(s.patience); runtime.NumGoroutine() > goroutines || openDescriptors() > descriptors; runtime.Gosched() {
		if time.Now().After(deadline) {
			stacks := make([]byte, 64<<10)
			s.fail("got left over: %d goroutines, want %d; %d descriptors, want %d\n%s", runtime.NumGoroutine(), goroutines, openDescriptors(), descriptors,
				stacks[:runtime.Stack(stacks, true)])
		}
		time.Sleep(50 * time.Microsecond)
	}
}

func openDescriptors() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}
