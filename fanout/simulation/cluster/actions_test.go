package cluster

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spokehub/spokehub/event"
)

// play does random actions. It returns what goes wrong in a rest.
func (w *world) play() (fault string) {
	for range 3 + w.dice.IntN(4) {
		w.connect()
	}
	count := 40 + w.dice.IntN(60)
	for i := range count {
		w.act()
		if w.isLong() && fault == "" && (i == count/2 || i == count-10) {
			fault = w.rest()
		}
	}
	return fault
}

// act does one action.
func (w *world) act() {
	switch roll := w.dice.IntN(100); {
	case roll < 6:
		w.connect()
	case roll < 26:
		w.changeTopics()
	case roll < 44:
		w.sendSome()
	case roll < 60:
		w.dispatchSome()
	case roll < 70:
		w.publishSome()
	case roll < 75:
		w.stallSome()
	case roll < 82:
		w.comeBack()
	case roll < 90:
		w.breakSomething()
	default:
		for _, n := range w.alive() {
			if w.chance(60) {
				w.mend(n)
			}
		}
		w.network.SetFull(false)
	}
}

func (w *world) connect() {
	if len(w.connected()) >= 20 {
		return
	}
	c := newClient(w.anyNode())
	if c == nil {
		return
	}
	w.clients = append(w.clients, c)
	w.note("%s connects", c.name())
	w.subscribeSome(c, 1+w.dice.IntN(4))
}

func (w *world) topic() string {
	typ := pick(w, allTypes)
	if w.chance(50) {
		return typ
	}
	return typ + ":" + pick(w, ids)
}

// subscribeSome subscribes a client to topics that it does not have.
func (w *world) subscribeSome(c *client, count int) {
	var topics []string
	for range count {
		if t := w.topic(); !c.topics[t] {
			c.topics[t] = true
			topics = append(topics, t)
		}
	}
	if len(topics) == 0 {
		return
	}
	id := c.subscribe(nil, topics...)
	w.note("%s subscribes to %v", c.name(), topics)
	w.maybeAwait(c, id)
}

// maybeAwait waits for an answer that comes soon, sometimes.
func (w *world) maybeAwait(c *client, id string) {
	if !c.node.isCut && !c.node.isSick && !c.gate.isShut() && w.chance(60) {
		c.awaitAnswer(id)
	}
}

func (w *world) changeTopics() {
	c := w.anyClient()
	if c == nil {
		return
	}
	if len(c.topics) == 0 || w.chance(50) {
		w.subscribeSome(c, 1+w.dice.IntN(3))
		return
	}
	t := w.ofClient(c)
	id := c.unsubscribe(t)
	w.note("%s unsubscribes from %s", c.name(), t)
	if w.chance(40) {
		w.note("%s subscribes to %s again", c.name(), t)
		id = c.subscribe(nil, t)
	}
	w.maybeAwait(c, id)
}

// ofClient is one of a client's topics, the same for the same dice.
func (w *world) ofClient(c *client) string {
	return pick(w, slices.Sorted(maps.Keys(c.topics)))
}

// event is a type and an id to publish, and how much more the payload has.
func (w *world) event() (typ, id string, pad int) {
	typ = pick(w, allTypes)
	if w.chance(80) {
		id = pick(w, ids)
	}
	if w.chance(20) {
		pad = w.dice.IntN(2000)
	}
	return typ, id, pad
}

func (w *world) sendSome() {
	c := w.anyClient()
	if c == nil {
		return
	}
	count := 1 + w.dice.IntN(8)
	w.note("%s sends %d events", c.name(), count)
	for range count {
		typ, id, pad := w.event()
		c.publish(w.newPublication(c.node, c, fmt.Sprint("client ", c.number), typ, id, pad))
	}
	if w.chance(30) && !c.node.isCut && !c.node.isSick && !c.gate.isShut() {
		c.barrier()
	}
}

func (w *world) dispatchSome() {
	n, count, least := w.anyNode(), 1+w.dice.IntN(10), 0
	switch roll := w.dice.IntN(100); {
	case roll < 20:
		count = 50
	case roll < 30:
		count, least = 60, maxEvent/2
	}
	w.note("hub %d dispatches %d events of %d bytes and more", n.number, count, least)
	for range count {
		typ, id, pad := w.event()
		pad += least
		w.dispatch(n, fmt.Sprint("driver at hub ", n.number), typ, id, pad)
	}
}

// publishSome has several goroutines publish at all hubs at once, with keys and without.
func (w *world) publishSome() {
	for _, n := range w.alive() {
		if !w.chance(60) {
			continue
		}
		type job struct {
			typ, id, key string
			pad          int
		}
		var jobs []job
		for range 1 + w.dice.IntN(5) {
			j := job{}
			j.typ, j.id, j.pad = w.event()
			if isStream(j.typ) && w.chance(40) {
				j.key = fmt.Sprint("key ", w.dice.IntN(20))
			}
			jobs = append(jobs, j)
		}
		sender := fmt.Sprint("publisher ", w.clock.Add(1))
		w.note("hub %d publishes %d events for %s", n.number, len(jobs), sender)
		w.soon(func() {
			for _, j := range jobs {
				w.publish(n, sender, j.typ, j.id, j.key, j.pad)
			}
		})
	}
}

// stallSome has a client stop reading, read slowly, or read on.
func (w *world) stallSome() {
	c := w.anyClient()
	if c == nil {
		return
	}
	switch w.dice.IntN(3) {
	case 0:
		w.note("%s stalls", c.name())
		c.gate.stall()
	case 1:
		w.note("%s reads slowly", c.name())
		c.gate.slow(time.Duration(1+w.dice.IntN(3)) * time.Millisecond)
	default:
		w.note("%s reads on", c.name())
		c.gate.open()
	}
}

// comeBack has a client leave, or one that has ended, come back at some hub, from its positions.
func (w *world) comeBack() {
	if len(w.clients) == 0 {
		return
	}
	c := w.clients[w.dice.IntN(len(w.clients))]
	if !c.isOver() {
		c.leave()
		w.note("%s leaves", c.name())
	}
	if len(w.connected()) >= 20 {
		return
	}
	since := positionsOf(c)
	next := newClient(w.anyNode())
	if next == nil {
		return
	}
	w.clients = append(w.clients, next)
	topics := slices.Sorted(maps.Keys(c.topics))
	if len(topics) == 0 {
		return
	}
	for topic := range since {
		sameType := func(other string) bool { return typeOf(other) == typeOf(topic) && other != topic }
		if !c.topics[topic] || slices.ContainsFunc(topics, sameType) {
			delete(since, topic)
		}
	}
	w.note("%s comes back as %s with %v", c.name(), next.name(), since)
	w.maybeAwait(next, next.subscribe(since, topics...))
}

// positionsOf is where a client stands in the streams of which it had one topic.
func positionsOf(c *client) map[string]event.Position {
	log, _ := c.entries()
	positions := map[string]event.Position{}
	for _, typ := range streamTypes {
		v := newView(c, typ)
		for i := range log {
			v.take(&log[i])
		}
		if topic, at, ok := v.position(); ok {
			positions[topic] = at
		}
	}
	return positions
}
