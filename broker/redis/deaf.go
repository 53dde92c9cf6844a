package redis

import (
	"context"
	"fmt"
	"time"
)

const (
	// deafFactor is how much more patient the engine gets with a connection after one that was deaf.
	deafFactor = 2
	// deafLongest bounds that.
	deafLongest = 5 * time.Minute
)

// deafness is how long a connection may be silent before the engine publishes to itself, and how long before it is given up. They get longer with
// each that is given up, for then something else may be wrong, and shorter again once one is heard on.
type deafness struct{ idle time.Duration }

// listen finds connections that are deaf: those which look healthy and bring nothing, not even what the engine publishes to itself.
func (m *manager) listen() error {
	idle := max(m.deaf.idle, m.engine.config.Limits.Idle)
	for address, l := range m.links {
		ears := &l.ears
		if count := ears.count.Load(); count != ears.seen {
			ears.seen, ears.since, ears.asked = count, time.Now(), time.Time{}
			m.deaf.idle = 0
			continue
		}
		if time.Since(ears.since) < idle {
			continue
		}
		if ears.asked.IsZero() {
			ears.asked = time.Now()
			l.done.Go(func() { m.session.ask(l, m.engine.config.Limits.Timeout) })
			continue
		}
		if time.Since(ears.asked) > max(idle, m.engine.config.Limits.Timeout) {
			m.deaf.idle = min(idle*deafFactor, deafLongest)
			m.drop(address)
			return fmt.Errorf("%s: the connection was deaf: nothing came for %v, nor what this hub has sent to itself", address, time.Since(ears.since).Round(time.Second))
		}
	}
	return nil
}

// ask publishes to the channel of a link on which the engine hears itself.
func (s *session) ask(l *link, timeout time.Duration) {
	ctx, cancel := context.WithTimeout(l.ctx, timeout)
	defer cancel()
	channel := l.engine.names.probe(l.ears.bucket, l.engine.epochs.engine)
	if l.engine.names.sharded {
		s.client.Do(ctx, s.client.B().Spublish().Channel(channel).Message("").Build())
		return
	}
	s.client.Do(ctx, s.client.B().Publish().Channel(channel).Message("").Build())
}
