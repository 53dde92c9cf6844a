package fanout

import (
	"time"

	"github.com/spokehub/spokehub/netpoll"
)

// ReactorStats is what one reactor has counted since New, and what it has now. Beside those of the others it shows one that is behind: spokes
// stay where they are, so a few that publish or receive much may be on one.
type ReactorStats struct {
	// Connections are open now, or on their way to the reactor.
	Connections uint64
	// Turns are pieces of work between two looks at the sockets, Sends system calls that sent, Delivered events that sockets have.
	Turns, Sends, Delivered uint64
	// QueuedBytes is the memory of what waits to be sent, Blocked how many of the connections have a full socket.
	QueuedBytes, Blocked uint64
	// Waiting is how many bytes of events are on their way to the reactor (Stats.Waiting).
	Waiting uint64
	// Inboxes of its spokes wait for a worker or are being run (Stats.CallbacksPending).
	Inboxes uint64
	// Busy is how long the reactor has worked, and Up how long it has been there: one whose Busy grows as fast as Up has no time left.
	Busy, Up time.Duration
	// LongestTurn is how long its longest turn took of the last ten seconds or a little more: for so long, everybody on the reactor had to wait.
	LongestTurn time.Duration
}

// Reactors tells of each reactor, in the same order every time. It asks each and waits for the answers, usually tens of microseconds, however many
// connections there are. After Shutdown there are none, and while it ends them none either: those that are left would stand in the places of others.
func (h *Hub) Reactors() []ReactorStats {
	all := make([]ReactorStats, 0, len(h.loops))
	for i, l := range h.loops {
		l.ask(func(r *netpoll.Reactor) {
			c := r.Glance()
			all = append(all, ReactorStats{
				Connections: uint64(max(l.shared.connections.Load(), 0)),
				Turns:       c.Turns,
				Sends:       c.Sends,
				Delivered:   c.Delivered,
				QueuedBytes: c.QueuedBytes,
				Blocked:     c.Blocked,
				Waiting:     uint64(max(l.shared.inflow.backlog(), 0)),
				Inboxes:     uint64(max(l.shared.inboxes.Load(), 0)),
				Busy:        c.Busy,
				Up:          c.Up,
				LongestTurn: c.LongestTurn,
			})
		})
		if len(all) <= i {
			return nil
		}
	}
	return all
}
