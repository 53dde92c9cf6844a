//go:build linux

package swarm

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
		reports[i] = newReport()
		for _, r := range replies {
			reports[i].add(r.Groups[i])
		}
	}
	return reports, nil
}

func (r *Report) add(other Report) {
	r.Delivered += other.Delivered
	r.Faults.Add(other.Faults)
	r.Latency.Merge(other.Latency)
	for code, n := range other.Closes {
		r.Closes[code] += n
	}
	r.Retries = append(r.Retries, other.Retries...)
	if r.Example == "" {
		r.Example = other.Example
	}
}

// closed counts a connection that should have lived, and keeps the first reason.
func (r *Report) closed(why string) {
	r.Faults.Closed++
	if r.Example == "" {
		r.Example = why
	}
}
