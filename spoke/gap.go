package spoke

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/spokehub/spokehub/event"
)

// GapFresh is the reason of a gap that the client itself tells: it has asked the hub for what came behind a position, and the hub knows no
// such position, since the stream has begun anew or the hub keeps nothing of the type any more. A stream begins anew with a hub that stands alone and is started
// again, and with a broker that has lost it. What came in between is gone, and nobody knows how much that is.
const GapFresh event.GapReason = "fresh"

// GapError stands in a loop over Events for events that will not come. It is not the last pair of the loop.
type GapError struct {
	// Gap says what is missing. Its From and To are 0 where they are not known.
	Gap event.Gap
}

// Error says what is missing, why, and what to do.
func (e *GapError) Error() string {
	g := e.Gap
	what := "an unknown number of events is missing"
	if g.Missed >= 0 {
		what = plural(int(g.Missed), "event is missing", "events are missing")
	}
	if g.To > 0 {
		what += fmt.Sprintf(" (offsets %d to %d)", g.From, g.To)
	}
	return fmt.Sprintf("spoke: %q: %s: %s%s", g.Topic, what, g.Reason, gapCauses[g.Reason])
}

// gapCauses say what a reason means, and what to do where something can be done.
var gapCauses = map[event.GapReason]string{
	event.GapSlow:    ": this client read too slowly; do what takes long in another goroutine",
	event.GapTrimmed: ": the hub kept them until they were too old or too many; have it keep more (topics: history)",
	event.GapBroker:  ": the hub was cut off from the other hubs, or their broker has lost events; read the current state where it is kept",
	GapFresh:         ": the stream has begun anew since, or the hub keeps nothing of the type; read the current state where it is kept",
}

// toldGap handles a gap that the hub tells.
func (c *Client) toldGap(g event.Gap) {
	c.mu.Lock()
	isWanted := c.topics.miss(g)
	c.mu.Unlock()
	if isWanted {
		c.tellGaps(g)
	}
}

// miss notes a gap that the hub tells, and tells the loops of the topics that it concerns. It returns false if nobody wants any of those.
func (t *topicTable) miss(g event.Gap) (isWanted bool) {
	for _, of := range t.concerned(g.Topic) {
		isWanted = isWanted || of.refs > 0
		if of.place == nil || !of.place.live {
			of.tellLoops(g, event.Position{})
			continue
		}
		of.tellLoops(g, of.position())
		if g.Epoch != "" {
			of.place.moveTo(g.Epoch, g.To)
		}
	}
	return isWanted
}

// moveTo has a place go on in another epoch, behind an offset of that. A gap of the place's own epoch does not move it: only events do,
// since some that lie between may come yet.
func (p *place) moveTo(epoch string, behind uint64) {
	if p.at.Epoch != epoch {
		p.at, p.replayTo = event.Position{Epoch: epoch, Offset: behind}, 0
	}
	if p.stream.epoch != epoch {
		p.stream.epoch, p.stream.seen = epoch, 0
	}
}

// concerned returns the topics in force that a gap of a topic concerns: all of its type if it is one.
func (t *topicTable) concerned(name string) (all []*topic) {
	if strings.Contains(name, ":") {
		if of := t.of[name]; of != nil && of.hears() {
			all = append(all, of)
		}
		return all
	}
	for other, of := range t.of {
		if typ, _, _ := strings.Cut(other, ":"); typ == name && of.hears() {
			all = append(all, of)
		}
	}
	return all
}

// hears says whether the topic is in force on this connection, as far as the client knows.
func (of *topic) hears() bool { return of.phase == inForce || of.doubted != "" }

// tellLoops puts a gap into the loops of the topic, which was at a position before it.
func (of *topic) tellLoops(g event.Gap, before event.Position) {
	for _, b := range of.loops {
		b.put(item{gap: &g, before: before})
	}
}

// tellGaps tells of gaps.
func (c *Client) tellGaps(all ...event.Gap) {
	if len(all) == 0 {
		return
	}
	c.count(func(s *Stats) { s.Gaps += uint64(len(all)) })
	if now := time.Now(); now.Sub(c.logged.gap) >= betweenLogs {
		c.logged.gap = now
		c.cfg.Logger.Warn("events are missing; further gaps are not logged for a while", slog.String("url", c.endpoint.name),
			slog.String("topic", all[0].Topic), slog.Int64("missed", all[0].Missed), slog.String("reason", string(all[0].Reason)), slog.Int("gaps", len(all)))
	}
	for _, g := range all {
		if c.cfg.OnGap != nil {
			c.guard("OnGap", func() { c.cfg.OnGap(g) })
		}
	}
}
