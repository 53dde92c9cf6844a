package fanout

import (
	"time"

	"github.com/spokehub/spokehub/event"
)

// brokerLog has the limits of what is logged about the broker: troubles with it, messages that no hub has written, and hubs that come and go.
type brokerLog struct{ troubles, foreign, nodes logLimit }

func (g *hubLog) brokerUp() { g.logger.Info("the broker is there") }

func (g *hubLog) brokerDown(err error) {
	g.logger.Error("the broker is not there: events of types without a stream reach this hub's spokes alone, publishes to streams are refused; the hub goes on trying", "error", err)
}

func (g *hubLog) brokerLost(reason string) {
	if g.broker.troubles.allow(time.Since(g.began)) {
		g.logger.Warn("events of other hubs may have been lost: streams are read again, spokes are told of the rest", "reason", reason)
	}
}

func (g *hubLog) appending(err error) {
	if err != nil {
		g.logger.Error("the broker is there and takes no events of types with a stream: publishes to them are refused", "error", err)
		return
	}
	g.logger.Info("the broker takes events of types with a stream again")
}

func (g *hubLog) subscribing(err error) {
	if err != nil {
		g.logger.Error("the broker is there and refuses to give out events that spokes ask for: subscriptions to them are refused", "error", err)
		return
	}
	g.logger.Info("the broker has not refused subscriptions for some time")
}

func (g *hubLog) noStreams(err error) {
	g.logger.Error("the broker is there and has no streams, which policies of this hub ask for: publishes to them will be refused", "error", err)
}

func (g *hubLog) brokerClosed(err error) {
	g.logger.Warn("the broker was not closed in order", "error", err)
}

func (g *hubLog) garbage(err error) {
	if g.broker.foreign.allow(time.Since(g.began)) {
		g.logger.Warn("a message from the broker was dropped", "error", err)
	}
}

func (g *hubLog) notPublished(messages int, err error) {
	if g.broker.troubles.allow(time.Since(g.began)) {
		g.logger.Warn("events did not reach other hubs", "events", messages, "error", err)
	}
}

func (g *hubLog) notSubscribed(keys int, err error) {
	if g.broker.troubles.allow(time.Since(g.began)) {
		g.logger.Warn("the broker has not confirmed a change of subscriptions: it is made as soon as possible", "keys", keys, "error", err)
	}
}

func (g *hubLog) unreadTops(err error) {
	if g.broker.troubles.allow(time.Since(g.began)) {
		g.logger.Warn("the broker does not say how far its streams are", "error", err)
	}
}

func (g *hubLog) unreadBroker(typ string, err error) {
	if g.broker.troubles.allow(time.Since(g.began)) {
		g.logger.Warn("the broker does not give out a stream: the hub tries again", "type", typ, "error", err)
	}
}

func (g *hubLog) nodeHeard(name, version string) {
	if g.broker.nodes.allow(time.Since(g.began)) {
		g.logger.Info("a hub of the cluster is there", "node", name, "version", version)
	}
}

func (g *hubLog) nodeGone(name, why string) {
	if g.broker.nodes.allow(time.Since(g.began)) {
		g.logger.Info("a hub of the cluster is gone", "node", name, "why", why)
	}
}

func (g *hubLog) policiesDiffer(here, there, ours, theirs string) {
	if g.broker.nodes.allow(time.Since(g.began)) {
		g.logger.Warn("another hub of the cluster has other policies of topics: give all the same, in the same order, or events and positions of one are none at the other", "node", here, "other", there, "policy", ours, "other's", theirs)
	}
}

func (g *hubLog) versionsDiffer(here, ours, there, theirs string) {
	if g.broker.nodes.allow(time.Since(g.began)) {
		g.logger.Info("another hub of the cluster has another version", "node", here, "version", ours, "other", there, "other's", theirs)
	}
}

func (g *hubLog) nameTaken(name string) {
	g.logger.Error("another hub of the cluster has this one's name: give each its own (Config.Node, --node). The hub goes on, and is not ready", "node", name)
}

func (g *hubLog) nameFree(name string) {
	g.logger.Info("the hub that had this one's name has another, or is gone", "node", name)
}

func (g *hubLog) nameAsked(name string) {
	g.logger.Warn("another hub has begun with this one's name, and is not ready: give each its own (Config.Node, --node)", "node", name)
}

func (g *hubLog) beganAnew(typ string, before, now event.Position) {
	if g.broker.troubles.allow(time.Since(g.began)) {
		g.logger.Warn("a stream has begun anew, since the broker has lost it or has gone back to an earlier state: spokes are told by __gap", "type", typ, "before", before.String(), "now", now.String())
	}
}
