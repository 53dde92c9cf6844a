//go:build linux

package swarm

import "cmp"

// Report is what the subscribers of one group received, in one process or in all.
type Report struct {
	// Delivered events were checked and in place.
	Delivered uint64
	// Faults count what must not happen.
	Faults Faults
	// Latency is since the last Mark.
	Latency *Latency
	// Closes counts the connections that the server ended, by close code; 1006 means without a close frame.
	Closes map[uint16]int
	// Retries are the hints of close frames when to reconnect, in milliseconds.
	Retries []int
	// Example is the first reason for which a connection was lost.
	Example string
}

func newReport() Report { return Report{Latency: NewLatency(), Closes: map[uint16]int{}} }

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
