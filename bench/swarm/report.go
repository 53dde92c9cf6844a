//go:build linux

package swarm

import "fmt"

// Report is what the subscribers of one group received, in all processes.
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

// Report gathers the counters of each group. With sent, the result of Pause, events that never came count as lost.
func (f *Fleet) Report(sent []uint64) ([]Report, error) {
	replies, err := f.askAll(command{Do: doReport, Sent: sent})
	if err != nil {
		return nil, err
	}
	reports := make([]Report, MaxGroups)
	for i := range reports {
		reports[i] = Report{Latency: NewLatency(), Closes: map[uint16]int{}}
	}
	for _, r := range replies {
		for i, g := range r.Groups {
			if err := reports[i].add(g); err != nil {
				return nil, fmt.Errorf("swarm: %w", err)
			}
		}
	}
	return reports, nil
}

func (r *Report) add(g groupReply) error {
	latency, err := decodeLatency(g.Latency)
	if err != nil {
		return err
	}
	r.Delivered += g.Delivered
	r.Faults.Add(g.Faults)
	r.Latency.Merge(latency)
	for code, n := range g.Closes {
		r.Closes[code] += n
	}
	r.Retries = append(r.Retries, g.Retries...)
	if r.Example == "" {
		r.Example = g.Example
	}
	return nil
}
