//go:build linux

package swarm

import "cmp"

// group is what a child knows of spokes of one kind: their plan, what they received, and the messages that not all of them have.
// I1: got of a message in flight is how many subscribers here have it.
type group struct {
	plan Plan
	Report
	// stampSeen is where the last message had its stamp, payload how long the payload is from there.
	stampSeen, payload int
	// local counts the subscribers of each topic here, got those that have a message in flight.
	local, got []int32
	// window is the windowed publication whose credits are counted, nil if there is none.
	window *Publication
	// slow are the spokes here that read slowly.
	slow slowGroup
}

func newGroup() *group {
	return &group{Report: newReport(), stampSeen: -1}
}

// count starts counting towards the credits of a publication, if it is a windowed one.
func (g *group) count(p *Publication) {
	g.window = nil
	if p.Kind != PublishWindow {
		return
	}
	g.window = p
	if g.got == nil {
		g.got = make([]int32, pendingRing)
	}
}

// join counts a subscriber of a topic.
func (g *group) join(topic uint32) {
	index := int(topic) - g.plan.FirstTopic
	for len(g.local) <= index {
		g.local = append(g.local, 0)
	}
	g.local[index]++
}

// arrived counts an event that one more subscriber has, and adds it to the shared counters once all subscribers here have it. wake is as
// for them.
func (g *group) arrived(counters *Counters, t tick) (wake bool) {
	index := uint64(t.topic - uint32(g.window.FirstTopic))
	message := uint64(t.seq)*uint64(g.window.Topics) + index
	got := &g.got[message%pendingRing]
	*got++
	if *got != g.local[index] {
		return false
	}
	*got = 0
	return counters.arrived(message, g.local[index])
}

// Report is what the subscribers of one group received, in one process or in all.
type Report struct {
	// Delivered events were checked and in place.
	Delivered uint64
	// Faults count what must not happen.
	Faults Faults
	// Latency is since the last Mark.
	Latency *Latency
	// Told is how many events the server said that they would not get (__gap).
	Told uint64
	// BrokerGaps is how often it said that events of other hubs may be missing, to subscribers that are Clustered; to others that is a fault.
	BrokerGaps uint64
	// RoundTrip is how long pings of slow spokes took since the last Mark.
	RoundTrip *Latency
	// WorstAge is the age of the oldest event that one of them got since then, as a share of two round trips at that time and the interval.
	WorstAge float64
	// Closes counts the connections that the server ended, by close code; 1006 means without a close frame.
	Closes map[uint16]int
	// Retries are the hints of close frames when to reconnect, in milliseconds.
	Retries []int
	// Example is the first reason for which a connection was lost.
	Example string
}

func newReport() Report {
	return Report{Latency: NewLatency(), RoundTrip: NewLatency(), Closes: map[uint16]int{}}
}

// mark empties what is since the last Mark.
func (r *Report) mark() {
	r.Latency.Reset()
	r.RoundTrip.Reset()
	r.WorstAge = 0
}

// Report gathers the reports of each group. With sent, the result of Pause, events that never came count as lost.
func (f *Fleet) Report(sent []uint64) ([]Report, error) {
	replies, err := f.askAll(command{Do: doReport, Sent: sent})
	if err != nil {
		return nil, err
	}
	reports := make([]Report, MaxGroups)
	for i := range reports {
		group := make([]Report, len(replies))
		for child := range replies {
			group[child] = replies[child].Groups[i]
		}
		reports[i] = Total(group)
	}
	return reports, nil
}

// Total adds reports up.
func Total(reports []Report) Report {
	total := newReport()
	for _, r := range reports {
		total.Delivered += r.Delivered
		total.Faults.Add(r.Faults)
		total.Latency.Merge(r.Latency)
		total.Told += r.Told
		total.BrokerGaps += r.BrokerGaps
		total.RoundTrip.Merge(r.RoundTrip)
		total.WorstAge = max(total.WorstAge, r.WorstAge)
		for code, n := range r.Closes {
			total.Closes[code] += n
		}
		total.Retries = append(total.Retries, r.Retries...)
		total.Example = cmp.Or(total.Example, r.Example)
	}
	return total
}

// closed counts a connection that should have lived, and keeps the first reason.
func (r *Report) closed(why string) {
	r.Faults.Closed++
	r.Example = cmp.Or(r.Example, why)
}
