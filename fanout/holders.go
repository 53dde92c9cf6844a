package fanout

import (
	"cmp"
	"slices"
	"time"

	"github.com/spokehub/spokehub/netpoll"
)

const (
	// maxHolders is how many connections one search finds.
	maxHolders = 64
	// slotsPerTurn is how many connections a search looks at in one turn.
	slotsPerTurn = 1024
	// searchPause is the time between two searches if one has found nobody.
	searchPause = 50 * time.Millisecond
)

// holder is a connection and how much memory it holds.
type holder struct {
	conn  netpoll.Conn
	bytes int
}

// holderSearch looks for the connections of a loop that hold most. With many connections it takes many turns. It belongs to the
// loop's goroutine.
//
// I1: found is sorted, the largest last, and has at most maxHolders.
// I2: while next is 0 no search is under way.
type holderSearch struct {
	// next is the slot to look at.
	next uint32
	// least is what a connection must hold, so that it may be closed.
	least int
	found []holder
	// again are connections that have been cut already and still hold more than least.
	again []holder
	// leaving is how much memory closed connections have that will be freed soon.
	leaving int
	// notBefore is when the next search may begin.
	notBefore time.Duration
}

// add notes a connection, if it is one of the largest.
func addHolder(found []holder, h holder) []holder {
	if len(found) == maxHolders {
		if h.bytes <= found[0].bytes {
			return found
		}
		found = slices.Delete(found, 0, 1)
	}
	at, _ := slices.BinarySearchFunc(found, h, func(a, b holder) int { return cmp.Compare(a.bytes, b.bytes) })
	return slices.Insert(found, at, h)
}

// reset ends a search.
func (f *holderSearch) reset() {
	*f = holderSearch{found: f.found[:0], again: f.again[:0], notBefore: f.notBefore}
}

// search goes on looking for the largest holders and reports whether it has looked at all connections.
func (l *loop) search() bool {
	f := &l.conns.memory.search
	if f.next == 0 {
		f.reset()
		f.least = max(int(l.hub.cfg.MemoryBudget/2/max(l.hub.admission.spokes.Load(), 1)), 1)
	}
	end := min(f.next+slotsPerTurn, l.conns.spokes.Len())
	for ; f.next < end; f.next++ {
		s := l.spoke(f.next)
		if s == nil || s.phase >= closing {
			f.leaving += l.part.HeldBy(f.next)
		}
		if s == nil {
			continue
		}
		h := holder{conn: s.conn, bytes: l.heldBy(s)}
		switch {
		case h.bytes < f.least:
		case s.phase >= closing && l.sender.IsRefusing(f.next):
			f.again = addHolder(f.again, h)
		default:
			f.found = addHolder(f.found, h)
		}
	}
	if f.next < l.conns.spokes.Len() {
		return false
	}
	f.next = 0
	return true
}

// takeLargest returns the largest holder that a search has found and that still holds what it held, or nil. Those that have been
// cut already come last.
func (l *loop) takeLargest() *Spoke {
	f := &l.conns.memory.search
	for _, list := range [...]*[]holder{&f.found, &f.again} {
		for last := len(*list) - 1; last >= 0; last-- {
			h := (*list)[last]
			*list = (*list)[:last]
			if !l.reactor.Holds(h.conn) {
				continue
			}
			if s := l.spoke(h.conn.Slot); s != nil && l.heldBy(s) >= max(h.bytes/2, f.least) {
				return s
			}
		}
	}
	return nil
}
