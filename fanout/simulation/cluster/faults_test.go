package cluster

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/spokehub/spokehub/broker/inproc"
)

// faultKinds are the faults that a seed may have.
type faultKinds struct {
	cut, restart, deaf, drop, repeat, delay, fail, tear, full, hold, wipe, end bool
}

// rollFaults has a quarter of the seeds have none.
func rollFaults(dice *rand.Rand) (f faultKinds) {
	if dice.IntN(4) == 0 {
		return f
	}
	for _, kind := range []*bool{&f.cut, &f.restart, &f.deaf, &f.drop, &f.repeat, &f.delay, &f.fail, &f.tear, &f.full, &f.hold, &f.wipe, &f.end} {
		*kind = dice.IntN(3) == 0
	}
	return f
}

// isHealthy says whether a seed has no faults, but for repeats, slow calls and ends of hubs.
func (f faultKinds) isHealthy() bool {
	return !f.cut && !f.restart && !f.deaf && !f.drop && !f.fail && !f.tear && !f.full && !f.hold && !f.wipe
}

// mayLoseSilently says whether events of types without a stream may be lost ahead of any that arrives, so that no hub can notice: a hub that is cut off
// drops what it would send, and no engine tells of a drop.
func (f faultKinds) mayLoseSilently() bool { return f.cut || f.drop }

// breakSomething makes a fault that the seed may have.
func (w *world) breakSomething() {
	f, n := w.faults, w.anyNode()
	var can []func()
	add := func(isAllowed bool, do func()) {
		if isAllowed {
			can = append(can, do)
		}
	}
	sick := func(faults inproc.Faults) func() {
		return func() {
			w.note("hub %d has the faults %+v", n.number, faults)
			n.isSick = true
			n.engine.SetFaults(faults)
		}
	}
	add(f.cut, func() {
		w.note("hub %d is cut off", n.number)
		n.isCut = true
		n.engine.Cut()
	})
	add(f.restart, func() {
		w.note("the broker restarts")
		w.network.Restart()
	})
	add(f.deaf, sick(inproc.Faults{Deaf: true}))
	add(f.drop, sick(inproc.Faults{Drop: 1 + w.dice.IntN(4)}))
	add(f.repeat, sick(inproc.Faults{Repeat: 1 + w.dice.IntN(6)}))
	add(f.delay, sick(inproc.Faults{Delay: time.Duration(1+w.dice.IntN(20)) * time.Millisecond}))
	add(f.fail, sick(inproc.Faults{FailAppends: 1 + w.dice.IntN(4)}))
	add(f.tear, sick(inproc.Faults{TearAppends: 1 + w.dice.IntN(4)}))
	add(f.full, func() {
		w.note("the streams are full")
		w.network.SetFull(true)
	})
	add(f.hold, func() {
		limit := pick(w, []int{0, 1, 5})
		w.note("hub %d is held, with room for %d", n.number, limit)
		n.isSick = true
		n.engine.Hold(true, limit)
	})
	add(f.wipe, func() {
		if w.chance(30) {
			w.note("the streams are wiped")
			w.network.Wipe()
			return
		}
		typ, events := pick(w, streamTypes), 1+w.dice.IntN(5)
		w.note("%s loses its newest events: %d", typ, w.network.Regress(typ, events))
	})
	add(f.end, w.endOrBegin)
	if len(can) > 0 {
		can[w.dice.IntN(len(can))]()
	}
}

// endOrBegin has a hub end, or another begin.
func (w *world) endOrBegin() {
	n := w.anyNode()
	if nodes := w.alive(); len(nodes) == 2 || len(nodes) < 5 && w.chance(50) {
		w.begin()
		return
	}
	if !w.awaitPublished() {
		return
	}
	if w.chance(50) {
		w.note("hub %d is thrown away", n.number)
		n.engine.Cut()
	} else {
		w.note("hub %d ends", n.number)
		n.endedWell = !n.isCut && !n.isSick
	}
	n.stop()
}

// stop ends a hub.
func (n *node) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_ = n.hub.Shutdown(ctx)
	n.isOver, n.final = true, n.hub.Stats()
}

// mend ends the faults of a hub.
func (w *world) mend(n *node) {
	if n.isSick {
		w.note("hub %d is well", n.number)
		n.isSick = false
		n.engine.Hold(false, 0)
		n.engine.SetFaults(inproc.Faults{Deaf: w.faults.deaf})
		if w.faults.deaf {
			n.engine.Reconnect("deaf")
		}
	}
	if n.isCut {
		w.note("hub %d is healed", n.number)
		n.isCut = false
		n.engine.Heal()
	}
}

// mendAll ends all faults, and waits until all hubs know.
func (w *world) mendAll() bool {
	w.network.SetFull(false)
	for _, n := range w.alive() {
		w.mend(n)
	}
	return awaitTrue(func() bool {
		for _, n := range w.alive() {
			if !n.hub.Broker().Up {
				return false
			}
		}
		return true
	})
}
