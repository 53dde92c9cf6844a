package spoke

import (
	"log/slog"
	"math/rand/v2"
	"time"
)

// round is the topics that are asked for again together, since the hub can't take them now.
type round struct {
	topics []*topic
	timer  *time.Timer
}

// putOff has a topic asked for again that the hub can't take yet, together with others that wait as long. first and most bound how long
// that is: it doubles from one time to the next. Ask is called when that is due, if the round is a new one.
func (t *topicTable) putOff(of *topic, first, most time.Duration, ask func(delay time.Duration)) {
	if of.doubted == "" {
		of.suspend()
	}
	of.become(away)
	of.delay = min(max(first, 2*of.delay), most)
	r := t.rounds[of.delay]
	if r == nil {
		delay := of.delay
		r = &round{timer: time.AfterFunc(spread(delay), func() { ask(delay) })}
		if t.rounds == nil {
			t.rounds = map[time.Duration]*round{}
		}
		t.rounds[delay] = r
	}
	r.topics = append(r.topics, of)
}

// spread returns a time between half of delay and all of it, so that the clients of a hub do not all ask at once.
func spread(delay time.Duration) time.Duration { return delay/2 + rand.N(delay/2+1) }

// askRound has the topics of a round asked for again that somebody still wants.
func (t *topicTable) askRound(delay time.Duration) {
	r := t.rounds[delay]
	if r == nil {
		return
	}
	delete(t.rounds, delay)
	for _, of := range r.topics {
		if of.phase == away && t.of[of.name] == of {
			of.phase = untold
			t.list(of)
		}
	}
}

// endRounds is for the end of a connection: the next one asks for everything.
func (t *topicTable) endRounds() {
	for _, r := range t.rounds {
		r.timer.Stop()
	}
	t.rounds = nil
}

// putOff has a topic asked for again that the hub can't take yet. The caller holds mu.
func (c *Client) putOff(of *topic) {
	c.stats.Unavailable++
	c.topics.putOff(of, 2*c.cfg.MinDelay, c.cfg.MaxDelay, c.askRound)
}

// askRound is called when a round is due.
func (c *Client) askRound(delay time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.topics.askRound(delay)
	c.wakeWriter()
}

// tellAway tells of topics that the hub can't take yet.
func (c *Client) tellAway(topics ...string) {
	for _, name := range topics {
		if now := time.Now(); now.Sub(c.logged.away) >= betweenLogs {
			c.logged.away = now
			c.cfg.Logger.Warn("the hub can't take a subscription yet, and is asked again; further ones are not logged for a while",
				slog.String("url", c.endpoint.name), slog.String("topic", name))
		}
		if c.cfg.OnUnavailable != nil {
			c.guard("OnUnavailable", func() { c.cfg.OnUnavailable(name) })
		}
	}
}
