package fanout

import (
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/stream"
)

// Replica drives the replica of a stream of a hub, as what follows a broker does.
type Replica struct {
	hub    *Hub
	policy *stream.Policy
	typ    string
	epoch  string
	next   uint64
}

// BeginReplica begins the replica of a type's stream behind a position.
func BeginReplica(h *Hub, typ string, at event.Position) *Replica {
	r := &Replica{hub: h, policy: h.streams.policies.ForString(typ), typ: typ}
	r.Begin(at)
	return r
}

// Begin begins anew, or jumps, without a word.
func (r *Replica) Begin(at event.Position) { r.begin(at, nil) }

func (r *Replica) begin(at event.Position, announce func()) {
	r.hub.streams.memory.Begin(r.policy, r.typ, at, announce)
	r.epoch, r.next = at.Epoch, at.Offset+1
}

// Jump is Begin, and tells that what lies between is gone.
func (r *Replica) Jump(at event.Position) {
	before := event.Position{Epoch: at.Epoch}
	missed := int64(-1)
	if at.Epoch == r.epoch {
		before.Offset = r.next - 1
		missed = int64(at.Offset + 1 - r.next)
	}
	r.begin(at, func() { r.hub.tellHole(r.typ, before, at.Offset, missed) })
}

// Insert adds the next event, and reports its offset.
func (r *Replica) Insert(e event.Event) (offset uint64, err error) {
	d := draftPool.Get().(*draft)
	*d = draft{hub: r.hub, out: outgoing{event: e}, policy: r.policy, epoch: r.epoch}
	d.kept = newKeptFrameOf(&d.out)
	_, err = r.hub.streams.memory.Insert([]byte(r.typ), r.next, time.Duration(0), d)
	d.recycle()
	r.next++
	return r.next - 1, err
}

// TellPlainGap is what a hub does that has lost events of types without a stream.
func (h *Hub) TellPlainGap(types map[string]bool) { h.tellPlainGap(types, h.shared.ids.Load()) }
