package fanout

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spokehub/spokehub/broker"
)

// cluster is what a hub does together with others, by way of a broker. A hub without one has none, and asks for nothing but that.
//
// Events of types without a stream go to this hub's own spokes first, and by the outbox to the other hubs. Those of streams go to the broker by
// the append queue, and come to the spokes of all hubs when they come back, through a follower. The interest says for which events the
// broker is asked.
//
// Owners: hub, broker and origin never change. Each part has owners of its own. The engine calls the methods of the sink on its goroutines.
type cluster struct {
	hub    *Hub
	broker broker.Broker
	// origin is the number by which other hubs know this one.
	origin   uint64
	outbox   outbox
	appends  appendQueue
	interest interest
	link     brokerLink
	losses   lossTeller
	nodes    nodes
	roster   roster
	counts   clusterCounters
	running  clusterRun
}

// clusterRun is what runs, and how it ends.
type clusterRun struct {
	ctx    context.Context
	cancel context.CancelFunc
	group  sync.WaitGroup
}

// clusterCounters are for any goroutine. Stats says what they count.
type clusterCounters struct {
	published, appended, received, dropped, repeated, garbage, losses, refilled atomic.Uint64
}

// newCluster returns nil for a hub without a broker.
func newCluster(h *Hub) *cluster {
	if h.cfg.Broker == nil {
		return nil
	}
	c := &cluster{hub: h, broker: h.cfg.Broker, origin: rand.Uint64() | 1}
	c.running.ctx, c.running.cancel = context.WithCancel(context.Background())
	c.outbox.init(c)
	c.appends.init(c)
	c.interest.init(c)
	c.link.init()
	c.losses.init(c)
	c.nodes.init(c)
	c.roster.init(c)
	h.index.Watch(&c.interest)
	return c
}

// start connects. The hub's loops have been made and do not run yet.
func (c *cluster) start() error {
	if c == nil {
		return nil
	}
	if err := c.broker.Start((*sink)(c)); err != nil {
		c.running.cancel()
		return fmt.Errorf("fanout: Config.Broker: %w", err)
	}
	for _, run := range []func(context.Context){c.outbox.run, c.appends.run, c.interest.run, c.interest.watchTops, c.subscribeControl, c.nodes.run, c.roster.run} {
		c.running.group.Go(func() { run(c.running.ctx) })
	}
	return nil
}

// subscribeControl asks the broker for what hubs tell each other. Then this one tells that it is there: so it gets the answers.
func (c *cluster) subscribeControl(ctx context.Context) {
	var keys []broker.Key
	for _, channel := range []string{usersChannel, lostChannel, nodesChannel, rosterChannel, inboxChannel(c.origin)} {
		keys = append(keys, broker.Key{Kind: broker.Control, Type: channel})
	}
	c.subscribe(ctx, keys...)
	c.nodes.introduce()
}

// lastFlush is how long close waits for the broker to take what it has yet to be given.
const lastFlush = time.Second

// flush waits until the broker has been given all, if it is there.
func (c *cluster) flush() {
	for waited := time.Duration(0); waited < lastFlush && c.link.isUp.Load() && !(c.outbox.isEmpty() && c.appends.isEmpty()); waited += throttleStep {
		time.Sleep(throttleStep)
	}
}

// close ends all. What the broker does not take soon is lost.
func (c *cluster) close() {
	if c == nil {
		return
	}
	c.nodes.beat(true)
	c.flush()
	c.running.cancel()
	c.appends.close()
	if err := c.broker.Close(); err != nil {
		c.hub.log.brokerClosed(err)
	}
	c.losses.stop()
	c.running.group.Wait()
}

// sink is what the engine sees of a cluster (broker.Sink).
type sink cluster

// Deliver takes a message that has come from the broker.
func (s *sink) Deliver(d broker.Delivery) {
	c := (*cluster)(s)
	header, body, err := broker.ParseMessage(d.Data)
	if err != nil {
		c.refuse(fmt.Errorf("a message about %s: %w", subjectOf(&d), err))
		return
	}
	switch d.Kind {
	case broker.Plain:
		c.deliverPlain(header, body, d.ByID)
	case broker.Stream:
		c.deliverStream(header, body, &d)
	default:
		c.deliverControl(d.Name, header, body)
	}
}

// subjectOf says what a message is about that can't be read.
func subjectOf(d *broker.Delivery) string {
	switch d.Kind {
	case broker.Plain:
		return "events without history"
	case broker.Stream:
		return "events with history"
	default:
		return fmt.Sprintf("the hubs (%.40q)", d.Name)
	}
}

// refuse counts a message that this hub can't read.
func (c *cluster) refuse(err error) {
	c.counts.garbage.Add(1)
	c.hub.log.garbage(err)
}

// Up says that the broker is there.
func (s *sink) Up() {
	c := (*cluster)(s)
	if c.link.up() {
		c.hub.log.brokerUp()
	}
	c.interest.wake()
	c.interest.checkTops()
	c.outbox.notify()
	c.nodes.introduce()
	c.roster.post(rosterTask{kind: brokerBack})
}

// Down says that the broker is not there.
func (s *sink) Down(err error) {
	c := (*cluster)(s)
	if c.link.down(err) {
		c.hub.log.brokerDown(err)
		c.outbox.suspect()
	}
	c.interest.settlePlain()
}

// noteLoss counts that events may have been lost.
func (c *cluster) noteLoss() {
	c.counts.losses.Add(1)
	c.link.lost()
}

// Lost says that messages may have been lost. Where nobody is subscribed to anything, nobody has missed any.
func (s *sink) Lost(reason string) {
	c := (*cluster)(s)
	c.interest.forgetLanes()
	c.interest.checkTops()
	c.roster.post(rosterTask{kind: brokerLost})
	if c.hub.index.Len() == 0 {
		return
	}
	c.noteLoss()
	c.hub.log.brokerLost(reason)
	c.losses.addAll()
}
