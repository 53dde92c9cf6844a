package doctor

import (
	"cmp"
	"fmt"
	"math"
)

// Note is a limit that does not bound the number of spokes, but what happens with them.
type Note struct {
	// Name is the kernel's, or that of the flag or variable.
	Name string `json:"name"`
	// Value is what is set.
	Value string `json:"value"`
	// Meaning says what that bounds.
	Meaning string `json:"meaning"`
	// Remedies are there if the plan needs more.
	Remedies []Remedy `json:"remedies,omitempty"`
}

// mostBacklog is more than what connects between two looks of a hub at its listener.
const mostBacklog = 65535

// notes are the limits that bound something else than the number of spokes.
func (e *examination) notes() (notes []Note) {
	n := e.Network
	if n.Backlog > 0 {
		notes = append(notes, e.queue("net.core.somaxconn", n.Backlog, "connects that may wait for the hub: a storm after a restart"))
	}
	if n.SynBacklog > 0 {
		notes = append(notes, e.queue("net.ipv4.tcp_max_syn_backlog", n.SynBacklog, "connects that may be half open"))
	}
	if n.LastPort > n.FirstPort {
		notes = append(notes, e.ports())
	}
	return append(notes, e.stalled(), e.budget(), e.cpu())
}

func (e *examination) queue(name string, limit uint64, meaning string) Note {
	note := Note{Name: name, Value: count(limit), Meaning: meaning}
	if wanted := min(e.plan.Spokes, mostBacklog); limit < wanted {
		note.Remedies = append(sysctl(name, wanted), Remedy{"docker", fmt.Sprintf("--sysctl %s=%d", name, wanted)})
	}
	return note
}

func (e *examination) ports() Note {
	ports := e.Network.LastPort - e.Network.FirstPort + 1
	note := Note{
		Name: "net.ipv4.ip_local_port_range", Value: fmt.Sprintf("%d to %d", e.Network.FirstPort, e.Network.LastPort),
		Meaning: fmt.Sprintf("a proxy or client on this machine has %s connections from each of its addresses to one of the hub", count(ports)),
	}
	if ports < e.plan.Spokes {
		note.Remedies = append(sysctl(note.Name, "1024 65535"), Remedy{"proxy", "more addresses, or a Unix socket"})
	}
	return note
}

// stalled is what the kernel holds for a spoke that does not read.
func (e *examination) stalled() Note {
	note := Note{Name: "net.ipv4.tcp_wmem", Value: size(e.TCP.Write[2])}
	most := e.TCP.Write[2]
	if asked := e.plan.SendBuffer; asked > 0 {
		note.Name, note.Value = "--send-buffer", size(asked)
		most = 2 * min(asked, e.TCP.WriteMax)
		if asked > e.TCP.WriteMax {
			note.Remedies = sysctl("net.core.wmem_max", asked)
		}
	}
	note.Meaning = fmt.Sprintf("the kernel keeps up to %s for a spoke that does not read", size(most))
	if all := e.TCP.Memory[2] * e.Process.Page; most > 0 && all > 0 {
		note.Meaning += fmt.Sprintf("; %s such spokes fill tcp_mem", count(all/most))
	}
	return note
}

// memoryBudget is --memory-budget: the flag, or a quarter of GOMEMLIMIT or of the machine's memory, whichever is less.
func (e *examination) memoryBudget() uint64 {
	if e.plan.MemoryBudget > 0 {
		return e.plan.MemoryBudget
	}
	limit := cmp.Or(e.Process.GoLimit, e.Memory.Total)
	if e.Memory.Total > 0 {
		limit = min(limit, e.Memory.Total)
	}
	return max(limit/4, 1<<20)
}

func (e *examination) budget() Note {
	budget := e.memoryBudget()
	note := Note{Name: "--memory-budget", Value: size(budget)}
	note.Meaning = fmt.Sprintf("what spokes make the hub hold, besides; a fair share of %s", size(budget/max(e.plan.Spokes, 1)))
	if e.plan.QueueLimit > 0 {
		note.Meaning += fmt.Sprintf(", or %s full queues", count(budget/e.plan.QueueLimit))
	}
	return note
}

func (e *examination) cpu() Note {
	procs := e.Process.Procs
	note := Note{Name: "GOMAXPROCS", Value: fmt.Sprint(procs), Meaning: "no cgroup has a quota of CPU"}
	if e.Quota > 0 {
		note.Meaning = fmt.Sprintf("a cgroup has a quota of %.2f cores", e.Quota)
		if whole := int(math.Ceil(e.Quota)); procs > max(whole, 2) {
			note.Remedies = []Remedy{{"variable", fmt.Sprintf("GOMAXPROCS=%d", whole)}}
		}
	}
	return note
}
