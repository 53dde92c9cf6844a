package nats

import (
	"context"
	"crypto/rand"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/spokehub/spokehub/stream"
)

const (
	// epochKey and typeKey are what the metadata of a stream have its epoch and type under.
	epochKey = "spokehub-epoch"
	typeKey  = "spokehub-type"
	// kindEvents and kindNewest stand in the names of streams: of all events, and of the newest of each id.
	kindEvents = "events"
	kindNewest = "newest"
	// repeatWindow is for how long JetStream remembers idempotency keys. It refuses a window that is longer than events are kept, so that is the limit where
	// the age of a policy is below.
	repeatWindow = 5 * time.Minute
	// copyRoom is how many events at least are kept beyond those that a policy asks for where the newest of each id are copied from there: the servers
	// copy some time after they have stored.
	copyRoom = 1 << 14
	// shortestAge is the least that JetStream takes.
	shortestAge = 100 * time.Millisecond
)

// wantedStream is how the stream of a type has to be.
func (e *Engine) wantedStream(typ string, h stream.History) jetstream.StreamConfig {
	c := jetstream.StreamConfig{
		Name:        e.subjects.streamName(kindEvents, typ),
		Description: "events that hubs keep, with the prefix " + e.config.Prefix,
		Subjects:    []string{e.subjects.appended(typ) + "*"},
		MaxMsgs:     -1, MaxBytes: h.Bytes, MaxAge: h.Age, MaxMsgsPerSubject: -1, MaxConsumers: -1, MaxMsgSize: -1,
		Storage: jetstream.FileStorage, Discard: jetstream.DiscardOld, Replicas: e.config.Replicas, Duplicates: repeatWindow,
		RePublish:   &jetstream.RePublish{Source: e.subjects.appended(typ) + "*", Destination: e.subjects.live(typ)},
		AllowDirect: true,
		Metadata:    map[string]string{typeKey: typ},
	}
	if h.Events > 0 {
		c.MaxMsgs = int64(h.Events)
		if h.LatestPerID {
			c.MaxMsgs += int64(max(h.Events, copyRoom))
		}
	}
	if h.Bytes == 0 {
		c.MaxBytes = stream.DefaultBytes
	}
	if h.Age > 0 {
		c.MaxAge = max(h.Age, shortestAge)
		c.Duplicates = min(c.Duplicates, c.MaxAge)
	}
	return c
}

// wantedNewest is how the stream has to be that keeps the newest event of each id of a type.
func (e *Engine) wantedNewest(typ string, h stream.History) jetstream.StreamConfig {
	c := e.wantedStream(typ, stream.History{Bytes: h.Bytes})
	c.Sources = []*jetstream.StreamSource{{Name: c.Name}}
	c.Name = e.subjects.streamName(kindNewest, typ)
	c.Description = "the newest event of each id, with the prefix " + e.config.Prefix
	c.Subjects, c.RePublish, c.MaxMsgsPerSubject = nil, nil, 1
	return c
}

// adapt changes an existing stream's settings to those that are wanted, and says whether there was anything to change. What hubs have no wish for
// stays as it is.
func adapt(c *jetstream.StreamConfig, want jetstream.StreamConfig) bool {
	same := c.MaxMsgs == want.MaxMsgs && c.MaxBytes == want.MaxBytes && c.MaxAge == want.MaxAge && c.MaxMsgsPerSubject == want.MaxMsgsPerSubject &&
		c.Duplicates == want.Duplicates && c.Replicas == want.Replicas && c.AllowDirect == want.AllowDirect && c.Discard == want.Discard &&
		(want.RePublish == nil || c.RePublish != nil && *c.RePublish == *want.RePublish)
	c.MaxMsgs, c.MaxBytes, c.MaxAge, c.MaxMsgsPerSubject = want.MaxMsgs, want.MaxBytes, want.MaxAge, want.MaxMsgsPerSubject
	c.Duplicates, c.Replicas, c.AllowDirect, c.Discard, c.RePublish = want.Duplicates, want.Replicas, want.AllowDirect, want.Discard, want.RePublish
	return !same
}

// ensure makes the stream of a type if it is not there, and changes its settings if the policy wants others. Once that is done for a policy it does
// nothing.
func (e *Engine) ensure(ctx context.Context, s *sequence, policy *stream.Policy) error {
	if done := s.policy.Load(); done != nil && done == policy {
		return nil
	}
	select {
	case s.gate <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.gate }()
	if done := s.policy.Load(); done != nil && done == policy {
		return nil
	}
	var history stream.History
	if policy != nil {
		history = policy.History
	}
	want := e.wantedStream(s.typ(), history)
	want.Metadata[epochKey] = strings.ToLower(rand.Text()[:10])
	q := s.ask()
	got, err := e.establish(ctx, want)
	if err != nil {
		return err
	}
	e.noteOne(ctx, s, q, got)
	if history.LatestPerID {
		if err := e.establishNewest(ctx, s, history); err != nil {
			return err
		}
	}
	s.policy.Store(policy)
	return nil
}

// establish makes a stream, or changes it so that it is as wanted.
func (e *Engine) establish(ctx context.Context, want jetstream.StreamConfig) (*info, error) {
	got, err := e.call(ctx, "INFO", want.Name, nil)
	if err == nil && got.missing() {
		got, err = e.call(ctx, "CREATE", want.Name, want)
		if got != nil && got.Error != nil && got.Error.Code == codeNameInUse {
			got, err = e.call(ctx, "INFO", want.Name, nil)
		}
	}
	if err != nil {
		return nil, err
	}
	if got.missing() {
		return nil, unavailable("the stream %s was deleted while it was made", want.Name)
	}
	if !slices.Equal(got.Config.Subjects, want.Subjects) {
		return nil, unavailable("the stream %s is there already and belongs to something else: its subjects are %q, want %q: give this cluster another prefix", want.Name, got.Config.Subjects, want.Subjects)
	}
	changed := got.Config
	if !adapt(&changed, want) {
		return got, nil
	}
	e.config.Logger.Info("nats: changing the settings of a stream, as the policies want them", "stream", want.Name)
	return e.update(ctx, changed)
}

// establishNewest makes the stream of the newest. It copies from one epoch: if the other stream has another one, it is made anew, since the servers go on
// to copy where they were. What has left the row by then is lost with the epoch.
func (e *Engine) establishNewest(ctx context.Context, s *sequence, h stream.History) error {
	want := e.wantedNewest(s.typ(), h)
	want.Metadata[epochKey] = s.epoch()
	got, err := e.call(ctx, "INFO", want.Name, nil)
	if err == nil && !got.missing() && got.epoch() != s.epoch() {
		e.config.Logger.Warn("nats: the newest events of each id are copied again, since their stream has a new epoch", "type", s.typ())
		_, err = e.call(ctx, "DELETE", want.Name, nil)
	}
	if err != nil {
		return err
	}
	_, err = e.establish(ctx, want)
	return err
}

// update changes a stream's settings.
func (e *Engine) update(ctx context.Context, c jetstream.StreamConfig) (*info, error) {
	c.Metadata = maps.Clone(c.Metadata)
	maps.DeleteFunc(c.Metadata, func(key, _ string) bool { return strings.HasPrefix(key, "_nats.") })
	got, err := e.call(ctx, "UPDATE", c.Name, c)
	if err == nil && got.missing() {
		return nil, unavailable("the stream %s was deleted while it was changed", c.Name)
	}
	return got, err
}

// note learns from what the servers say of a stream. It returns whether the stream has lost what it had, and so needs renewAll.
func (e *Engine) note(s *sequence, q question, got *info) (hasRegressed bool) {
	switch s.learn(q, got.epoch(), got.State.Last) {
	case another:
		e.tellEpoch(s)
	case regressed:
		return true
	}
	return false
}

// noteOne is note for one stream, which gets its new epoch if it needs one.
func (e *Engine) noteOne(ctx context.Context, s *sequence, q question, got *info) {
	if e.note(s, q, got) {
		e.renewAll(ctx, []suspect{{s, q.epoch}})
	}
}

// tellEpoch says that a stream has another epoch: what was delivered last may have been given out under the old one.
func (e *Engine) tellEpoch(s *sequence) {
	s.policy.Store(nil)
	e.config.Logger.Warn("nats: a stream has a new epoch: it was made again, or has lost events", "type", s.typ(), "epoch", s.epoch())
	e.news.lost("the stream of " + strconv.Quote(s.typ()) + " has a new epoch")
}

// lookUpTimeout bounds how long a live event, or Subscribe, waits for the epoch of a stream, lookUpPause how soon it is tried again after that failed.
const (
	lookUpTimeout = 2 * time.Second
	lookUpPause   = time.Second
)

// lookUp asks for the epoch of a stream that is not known yet.
func (e *Engine) lookUp(s *sequence) string {
	s.state.mu.Lock()
	recent := !s.state.failed.IsZero() && time.Since(s.state.failed) < lookUpPause
	s.state.mu.Unlock()
	if recent {
		return ""
	}
	ctx, cancel := e.within(lookUpTimeout)
	defer cancel()
	e.refresh(ctx, []string{s.typ()})
	epoch := s.epoch()
	if epoch == "" {
		s.state.mu.Lock()
		s.state.failed = time.Now()
		s.state.mu.Unlock()
	}
	return epoch
}

// typ is the type of the sequence.
func (s *sequence) typ() string {
	typ, err := url.PathUnescape(s.token)
	if err != nil {
		return s.token
	}
	return typ
}
