package netpoll

import "time"

// departures count how long frames took from when the hub had them, which a Frame notes when it is made, until their last bytes were with
// the socket. What leaves for a connection at once counts as old as the oldest frame of its batch. A look at the clock takes as long as
// several small frames, so there is one for a few sends, behind the last of them. It belongs to the Sender.
//
// I1: between two methods of the Sender that are called from outside, the frames of last and waiting and the count of latency are together
// Ledger.Delivered.
type departures struct {
	// last is the departure that more frames may join, waiting are the used ones before it.
	last    departure
	waiting [sendsPerLook]departure
	used    int
	// sends is how much has left since the last look.
	sends   int
	latency Histogram
}

// departure is how many frames have left of which the oldest was made at a moment.
type departure struct {
	oldest time.Duration
	frames uint64
}

// sendsPerLook is how many sends there are between two looks at the clock, at most.
const sendsPerLook = 32

// processStart is where Moment begins.
var processStart = time.Now()

// Moment is the time since the process started, monotonic, by a look at the clock: what frames of all reactors are stamped with.
func Moment() time.Duration { return time.Since(processStart) }

// add notes that frames of a batch have left.
func (d *departures) add(oldest time.Duration, frames int) {
	if oldest != d.last.oldest {
		d.begin(oldest)
	}
	d.last.frames += uint64(frames)
	if d.sends++; d.sends == sendsPerLook {
		d.settle(Moment())
	}
}

// begin begins another departure.
func (d *departures) begin(oldest time.Duration) {
	d.waiting[d.used] = d.last
	d.used++
	d.last = departure{oldest: oldest}
}

// settle counts what has left by now.
func (d *departures) settle(now time.Duration) {
	if d.last.frames > 0 {
		d.latency.Observe(now-d.last.oldest, d.last.frames)
		d.last.frames = 0
	}
	for _, left := range d.waiting[:d.used] {
		d.latency.Observe(now-left.oldest, left.frames)
	}
	d.used, d.sends = 0, 0
}

// delivered counts frames of one batch as delivered.
func (c *sendCounters) delivered(oldest time.Duration, frames int) {
	c.Delivered += uint64(frames)
	c.departures.add(oldest, frames)
}

// CountFrom has what is queued from now on count from that moment and not from when its frames were made; 0 ends that. It is for frames that
// were kept for those who ask for them later.
func (s *Sender) CountFrom(moment time.Duration) {
	s.owner.assert()
	s.pending.from = moment
}

// AddLatency adds how long frames took from when they were made, or the moment of CountFrom, until the socket had them. The count is
// Ledger.Delivered. A connection without a descriptor has them when its writer has.
func (s *Sender) AddLatency(to *Histogram) {
	s.owner.assert()
	s.count.departures.settle(Moment())
	to.Add(&s.count.departures.latency)
}
