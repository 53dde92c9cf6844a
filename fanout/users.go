package fanout

import (
	"cmp"
	"math"
	"math/bits"
	"slices"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/subs"
	"github.com/spokehub/spokehub/wsframe"
)

// DispatchToUser sends an event once to each connection of a user (Identity.User), whatever it is subscribed to. Otherwise it is
// like Hub.DispatchEvent: it always returns true, copies the payload, does not wait for the network, and what one goroutine
// dispatches, to users and to topics, reaches every spoke in that order. A user who has no connection gets nothing, and the
// empty name is nobody's. In a cluster it also goes to the user's connections on other hubs, and nobody is told if the broker loses it on the way.
func (h *Hub) DispatchToUser(user string, e event.Event) bool {
	return h.dispatch(&outgoing{event: e, to: addressee{isUser: true, user: user}})
}

// UserSpokes are the connections that a user has to this hub, in the order in which they came. It asks the reactors that have some, a slice of
// them at a time, and waits for the answers. A connection that comes or goes meanwhile may be among them or not. Any goroutine may
// call it, callbacks included, except a reactor's, on which only Config.Logger runs.
func (h *Hub) UserSpokes(user string) []*Spoke { return h.membersOf(h.users.MatchTopic(user)) }

// Members are the spokes that are subscribed to a topic, in the order in which they came. A spoke that is subscribed to "order"
// is no member of "order:7". A topic without subscribers, or one that is not valid, has none. It asks like UserSpokes.
func (h *Hub) Members(topic string) []*Spoke { return h.membersOf(h.index.MatchTopic(topic)) }

// DisconnectUser closes the connections that a user has to this hub, as Spoke.Close does, and returns how many it has closed: when it returns,
// no event is for them any more, nor is anything that they send. It waits for the reactors, a slice of the connections at a time,
// but not for the network. Any goroutine may call it, callbacks included, except a reactor's, on which only Config.Logger runs.
//
// A connection that comes meanwhile may stay open. To keep a user out, first have Config.OnHandshake and OnAuth refuse the user, then
// call this, and ask once more in Config.OnConnection: a client that was let in before the user was barred is found by one of the
// two, because a spoke is among those of its user before OnConnection is called. An anonymous spoke that becomes the user by __auth at
// that moment had its OnConnection before: where there are such, call this once more when OnAuth can't be under way.
func (h *Hub) DisconnectUser(user string, code uint16, reason string) int {
	if !wsframe.CodeAllowed(code) {
		code = CodeInternal
	}
	match := h.users.MatchTopic(user)
	closed := 0
	for parts := match.Parts; parts != 0; parts &= parts - 1 {
		l := h.loops[bits.TrailingZeros64(parts)]
		closed += l.closeAll(l.appendMembers(nil, match.Type), Cause{Kind: CauseClosed, Code: code, Reason: reason})
	}
	return closed
}

const (
	// memberSlice is how many members of a topic are looked up at a time, at up to 100 ns each.
	memberSlice = 1024
	// closeSlice is how many connections are closed at a time, at one or two microseconds each.
	closeSlice = 128
)

// membersOf finds the spokes that one topic of either index has, in the order of their IDs.
func (h *Hub) membersOf(match subs.Match) []*Spoke {
	if match.Parts == 0 {
		return nil
	}
	spokes := make([]*Spoke, 0, match.Size())
	for parts := match.Parts; parts != 0; parts &= parts - 1 {
		spokes = h.loops[bits.TrailingZeros64(parts)].appendMembers(spokes, match.Type)
	}
	slices.SortFunc(spokes, func(a, b *Spoke) int { return cmp.Compare(a.id, b.id) })
	return slices.Compact(spokes)
}

// appendMembers appends the loop's members of a topic to dst and asks the loop for a slice of them at a time, from the last to the
// first: a member that leaves between two slices has the last one moved into its place. So nobody is left out who stays, though
// who has moved may come twice. Any goroutine but the loop's may call it.
func (l *loop) appendMembers(dst []*Spoke, of *subs.Topic) []*Spoke {
	next := math.MaxInt
	l.inSlices(func(*netpoll.Reactor) (more bool) {
		dst, next = l.appendSlice(dst, of, next)
		return next > 0
	})
	return dst
}

// appendSlice appends the spokes of a slice of the topic's members, up to end, and returns where it begins. Those that have left, and
// that the index has yet to drop, are passed over.
func (l *loop) appendSlice(dst []*Spoke, of *subs.Topic, end int) (spokes []*Spoke, begin int) {
	members := l.part.Members(of)
	end = min(end, len(members))
	begin = max(end-memberSlice, 0)
	for _, slot := range members[begin:end] {
		if s := l.spoke(slot); s != nil && s.phase == open {
			dst = append(dst, s)
		}
	}
	return dst, begin
}

// closeAll closes spokes of the loop and returns how many of them were open. Any goroutine but the loop's may call it.
func (l *loop) closeAll(spokes []*Spoke, cause Cause) (closed int) {
	l.inSlices(func(r *netpoll.Reactor) (more bool) {
		slice := spokes[:min(closeSlice, len(spokes))]
		spokes = spokes[len(slice):]
		for _, s := range slice {
			if s.phase == open && r.Holds(s.conn) {
				l.closeWith(s, cause)
				closed++
			}
		}
		return len(spokes) > 0
	})
	return closed
}

// addToUser makes an open spoke one of its user's. An anonymous one costs nothing. A user never changes, so this is done once: as
// the spoke opens, or when it has said who it is.
func (l *loop) addToUser(s *Spoke) {
	if user := s.Identity().User; user != "" {
		l.users.Subscribe(s.conn.Slot, []byte(user))
		l.named(s)
	}
}

// removeFromUser ends what addToUser began. It costs the same however many spokes the user has.
func (l *loop) removeFromUser(s *Spoke) { l.users.Drop(s.conn.Slot) }
