package fanout

import "math/bits"

// hasRoom says whether all loops of an event have room for it; out.full is one that has none.
func (h *Hub) hasRoom(out *outgoing, parts uint64) bool {
	for ; parts != 0; parts &= parts - 1 {
		to := h.loops[bits.TrailingZeros64(parts)]
		if to.shared.holds.isShut(out.receivers, out.size) || !out.skips(to) && !to.shared.inflow.hasRoom(out.size, h.cfg.maxInflow) {
			out.full = to
			return false
		}
	}
	return true
}

// reserve takes room for an event on its way to all of its loops, or to none if it can wait and one has too little.
func (h *Hub) reserve(out *outgoing, parts uint64) bool {
	for rest := parts; rest != 0; rest &= rest - 1 {
		to := h.loops[bits.TrailingZeros64(rest)]
		switch {
		case out.skips(to):
		case !out.waits:
			to.shared.inflow.posted.Add(out.size)
		case !to.shared.inflow.reserve(out.size, h.cfg.maxInflow):
			out.full = to
			h.giveBack(out, parts&^rest)
			return false
		}
	}
	return true
}

// skips says that the event needs no room on its way to a loop, for it delivers it at once.
func (out *outgoing) skips(to *loop) bool { return out.atOnce && to == out.on }

// giveBack undoes reserve for some loops. Who has found no room because of it looks again.
func (h *Hub) giveBack(out *outgoing, parts uint64) {
	for ; parts != 0; parts &= parts - 1 {
		if to := h.loops[bits.TrailingZeros64(parts)]; !out.skips(to) {
			to.shared.inflow.posted.Add(-out.size)
			to.notifyWaiters()
		}
	}
}

// isTooLong says whether an event is longer than may be sent, whoever receives it.
func (h *Hub) isTooLong(out *outgoing) bool {
	size := out.length()
	return out.on != nil && size > int64(h.cfg.MaxEvent) || (out.on != nil || out.waits) && size+membersRoom > int64(h.cfg.QueueLimit)
}
