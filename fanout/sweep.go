package fanout

import (
	"errors"
	"fmt"
	"time"

	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/wsframe"
)

const (
	// sweepSlice is for how long a turn looks at spokes for who asks about them, and sweepStep how many it looks at between looks at the clock.
	sweepSlice = 500 * time.Microsecond
	sweepStep  = 16
)

// sweep calls visit with each spoke that is meant, on its loop's goroutine, until visit returns false. It has each loop look at some spokes at a time, and
// other work of the loop comes in between: a spoke that comes or goes meanwhile is visited or not, and any other one once. It waits for the loops; any
// goroutine but theirs may call it.
func (h *Hub) sweep(f *connectionFilter, visit func(l *loop, s *Spoke) bool) {
	var some []*Spoke
	isSome := f.User != "" || f.Topic != ""
	switch {
	case f.User != "":
		some = h.UserSpokes(f.User)
	case f.Topic != "":
		some = h.Members(f.Topic)
	}
	for _, l := range h.loops {
		next := l.everySlot()
		if isSome {
			next = l.each(some)
		}
		if !l.sweep(next, func(s *Spoke) bool { return !f.has(l, s) || visit(l, s) }) {
			return
		}
	}
}

// sweep calls visit with what next yields, which is nil for nobody, and false at the end, a slice at a time. It reports false once visit has.
func (l *loop) sweep(next func() (s *Spoke, more bool), visit func(*Spoke) bool) (goOn bool) {
	goOn = true
	l.inSlices(func(*netpoll.Reactor) (more bool) {
		for started, looked := time.Now(), 1; ; looked++ {
			s, has := next()
			if !has {
				return false
			}
			if s != nil && !visit(s) {
				goOn = false
				return false
			}
			if looked%sweepStep == 0 && time.Since(started) >= sweepSlice {
				return true
			}
		}
	})
	return goOn
}

// everySlot yields the loop's connections.
func (l *loop) everySlot() func() (*Spoke, bool) {
	slot := uint32(0)
	return func() (*Spoke, bool) {
		if slot >= l.conns.spokes.Len() {
			return nil, false
		}
		slot++
		return l.spoke(slot - 1), true
	}
}

// each yields those of some spokes that live on the loop.
func (l *loop) each(some []*Spoke) func() (*Spoke, bool) {
	at := 0
	return func() (*Spoke, bool) {
		if at >= len(some) {
			return nil, false
		}
		at++
		if s := some[at-1]; s.loop == l {
			return s, true
		}
		return nil, true
	}
}

// Spoke is the spoke with that ID (Spoke.ID), nil if it is not connected. It looks for it on the reactors, a slice of their spokes at a time, and waits for that.
// Any goroutine may call it, callbacks included, except a reactor's, on which only Config.Logger runs.
func (h *Hub) Spoke(id uint64) (found *Spoke) {
	if id == 0 {
		return nil
	}
	h.sweep(&connectionFilter{ConnectionFilter: ConnectionFilter{ID: id}}, func(_ *loop, s *Spoke) bool {
		found = s
		return false
	})
	return found
}

// Disconnect closes the spokes that a filter means, as Spoke.Close does, and returns how many it has closed. It is like DisconnectUser: it waits for the reactors, a slice
// of the connections at a time, but not for the network, and a spoke that comes meanwhile may stay. An empty filter is an error, and so are one that is
// not valid and a code that RFC 6455 does not let a server send; nobody is closed then.
func (h *Hub) Disconnect(f ConnectionFilter, code uint16, reason string) (closed int, err error) {
	filter, err := newConnectionFilter(f)
	switch {
	case err == nil && f.isEmpty():
		err = ErrNoFilter
	case err == nil && !wsframe.CodeAllowed(code):
		err = fmt.Errorf("a server may not send the close code %d: want 1000 to 1003, 1007 to 1014, or 3000 to 4999", code)
	}
	if err != nil {
		return 0, fmt.Errorf("disconnect: %w", err)
	}
	meant := make(map[*loop][]*Spoke)
	h.sweep(&filter, func(l *loop, s *Spoke) bool {
		meant[l] = append(meant[l], s)
		return true
	})
	for l, spokes := range meant {
		closed += l.closeAll(spokes, Cause{Kind: CauseClosed, Code: code, Reason: reason})
	}
	return closed, nil
}

// ErrNoFilter is returned by Disconnect for a filter that names nothing, which would mean everybody.
var ErrNoFilter = errors.New("the filter is empty: name an id, a user, a topic or an address")
