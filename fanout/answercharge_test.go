package fanout

import (
	"testing"

	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/wsframe"
)

// TestAnswersLeaveTheChargeOfAFullSocketWithinTheLimit has a queue of frames so tiny that they count for much more than their bytes.
// The answer that is left over is owed, and counted as memory beside the queue.
func TestAnswersLeaveTheChargeOfAFullSocketWithinTheLimit(t *testing.T) {
	const limit = 16 << 10
	h := hubOf(t, Config{Engine: EngineGoroutine, Reactors: 1, QueueLimit: limit})
	_, s := h.join()
	l, slot := s.loop, s.conn.Slot
	tiny := func() *frame {
		f := newFrame()
		f.seal(append(f.reserveHeader(), "x"...), wsframe.Text, false)
		return f
	}
	for full := false; !full; {
		l.ask(func(*netpoll.Reactor) {
			if full = !l.sender.HasRoom(slot, 1, 0); !full {
				f := tiny()
				l.send(s, f)
				f.Release()
			}
		})
	}
	charge, answers, owed := 0, 0, int64(0)
	l.ask(func(*netpoll.Reactor) {
		for l.sender.Charge(slot) < limit-200 {
			f := tiny()
			l.send(s, f)
			f.Release()
		}
		for ; s.marks&answersBlocked == 0 && answers < limit; answers++ {
			before := l.heldBytes()
			l.answer(s, tiny())
			owed = l.heldBytes() - before
		}
		charge = l.sender.Charge(slot)
	})
	if charge > limit {
		t.Errorf("got a charge of %d after %d answers to a full socket, want the limit of %d at most", charge, answers, limit)
	}
	if want := int64(tiny().Len()); owed != want {
		t.Errorf("got %d more bytes held for the answer that is owed, want its %d", owed, want)
	}
}
