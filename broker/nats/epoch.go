package nats

import (
	"context"
	"crypto/rand"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spokehub/spokehub/event"
)

// confirmWait is how long the keeper of a stream, which may be about to lose that office, is given before it is believed that events are gone.
const confirmWait = 300 * time.Millisecond

// suspect is a stream that seems to have lost what it had in an epoch.
type suspect struct {
	s     *sequence
	epoch string
}

// renewers is how many streams get a new epoch at a time.
const renewers = 16

// renewAll looks at streams again after a while, and gives those a new epoch that still end below what they had.
func (e *Engine) renewAll(ctx context.Context, suspects []suspect) {
	if len(suspects) == 0 || !pause(ctx, confirmWait) {
		return
	}
	var group sync.WaitGroup
	room := make(chan struct{}, renewers)
	for _, one := range suspects {
		room <- struct{}{}
		group.Go(func() {
			e.renew(ctx, one.s, one.epoch, false)
			<-room
		})
	}
	group.Wait()
}

// renew gives a stream that has lost events a new epoch. It is made of the old one, so hubs that do this at once agree; who comes later finds the
// new one. certain says that an offset was given out twice; otherwise its end is looked at.
func (e *Engine) renew(ctx context.Context, s *sequence, old string, certain bool) {
	q := s.ask()
	got, err := e.call(ctx, "INFO", e.subjects.streamName(kindEvents, s.typ()), nil)
	if err != nil || got.missing() {
		return
	}
	if certain = certain && got.Config.Replicas <= 1; got.epoch() == old && (certain || s.learn(q, old, got.State.Last) == regressed) {
		changed := got.Config
		changed.Metadata = maps.Clone(changed.Metadata)
		if changed.Metadata == nil {
			changed.Metadata = map[string]string{}
		}
		changed.Metadata[epochKey] = nextEpoch(old)
		q = s.ask()
		if got, err = e.update(ctx, changed); err != nil {
			e.config.Logger.Warn("nats: can't give a stream that has lost events a new epoch", "type", s.typ(), "error", e.redact(err))
			return
		}
	}
	if s.learn(q, got.epoch(), got.State.Last) == another {
		e.tellEpoch(s)
	}
}

// nextEpoch is the epoch behind another: it counts at the end.
func nextEpoch(epoch string) string {
	base, count, found := strings.Cut(epoch, "-")
	n, err := strconv.ParseUint(count, 10, 32)
	if !found || err != nil {
		base, n = epoch, 0
	}
	next := base + "-" + strconv.FormatUint(n+1, 10)
	if !event.ValidEpoch(next) {
		return strings.ToLower(rand.Text()[:10])
	}
	return next
}

// recheck looks after a stream that has passed on an offset twice. The goroutine that delivers calls it, so it does not wait.
func (e *Engine) recheck(s *sequence) {
	if s.asking.Swap(true) {
		return
	}
	old := s.epoch()
	e.life.running.Go(func() {
		defer s.asking.Store(false)
		ctx, cancel := e.within(callTimeout)
		defer cancel()
		e.renew(ctx, s, old, true)
	})
}
