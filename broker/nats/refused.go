package nats

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/spokehub/spokehub/broker"
)

const (
	// refusalPause is how long the engine waits until it tries again what the server has refused, and until the log tells of more of one kind.
	refusalPause = 10 * time.Second
	// fullPatience is how long a subscription waits for the handler of the client library, which knows whether the server has said once more that it takes no more
	// subscriptions.
	fullPatience = 100 * time.Millisecond
)

// violation is what nats-server says of what it does not permit: what it was, and the subject.
var violation = regexp.MustCompile(`(?i)permissions violation for (subscription to|publish to|publish with reply of) "([^"]+)"`)

const toSubscribe = "subscription to"

// isRefusal says whether an error is that of a server that goes on and refuses what it was asked for.
func isRefusal(err error) bool {
	return errors.Is(err, nats.ErrPermissionViolation) || errors.Is(err, nats.ErrMaxSubscriptionsExceeded)
}

// refusals are what the servers have refused, which no call of the client library returns: a handler hears of it. mu guards all.
type refusals struct {
	mu sync.Mutex
	// handled is the last one that the handler has heard of, and changed is closed when there is another.
	handled error
	changed chan struct{}
	// subjects are those of subscriptions that were refused and that nobody has looked after yet.
	subjects map[string]bool
	// full counts how often there were too many, and before how often until the connection began.
	full, before int
	// logged is when the log has told of each kind.
	logged map[string]time.Time
}

func newRefusals() *refusals {
	return &refusals{changed: make(chan struct{}), subjects: map[string]bool{}, logged: map[string]time.Time{}}
}

// note takes a refusal, and says whether the log is to tell of it.
func (r *refusals) note(err error, verb, subject, kind string) (isNews bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case verb == toSubscribe:
		r.subjects[subject] = true
	case subject == "":
		r.full++
	}
	r.handled = err
	close(r.changed)
	r.changed = make(chan struct{})
	if at, was := r.logged[kind]; was && time.Since(at) < refusalPause {
		return false
	}
	r.logged[kind] = time.Now()
	return true
}

func (r *refusals) fulls() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.full
}

// await waits until the handler has heard of all that the servers have refused so far, and says whether they have had too many subscriptions since there were full. What the client
// library knows it knows by the time when a flush returns, but the handler has a goroutine of its own.
func (r *refusals) await(ctx context.Context, conn *nats.Conn, full int) (isFull bool) {
	patience := time.NewTimer(fullPatience)
	defer patience.Stop()
	for {
		last := conn.LastError()
		r.mu.Lock()
		handled, changed := r.handled, r.changed
		isFull = r.full > full
		r.mu.Unlock()
		if isFull {
			r.awaitQuiet(ctx)
			return true
		}
		if !isRefusal(last) || last == handled && last != nats.ErrMaxSubscriptionsExceeded {
			return false
		}
		var late <-chan time.Time
		if last == nats.ErrMaxSubscriptionsExceeded {
			late = patience.C
		}
		select {
		case <-changed:
		case <-late:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// awaitQuiet waits until the handler hears of no more subscriptions that were too many: each of them is told by itself, and all look alike.
func (r *refusals) awaitQuiet(ctx context.Context) {
	for before := -1; before != r.fulls() && ctx.Err() == nil; {
		before = r.fulls()
		pause(ctx, fullPatience)
	}
}

// take says whether a subscription to a subject was refused, and forgets it.
func (r *refusals) take(subject string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	was := r.subjects[subject]
	delete(r.subjects, subject)
	return was
}

// forget begins anew, for the connection has ended.
func (r *refusals) forget() {
	r.mu.Lock()
	clear(r.subjects)
	r.before = r.full
	r.mu.Unlock()
}

func (r *refusals) fullsBefore() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.before
}

// refuse is called for what the server has refused. What waits for an answer to it gets an error at once.
func (e *Engine) refuse(err error) {
	verb, subject := "", ""
	if found := violation.FindStringSubmatch(err.Error()); found != nil {
		verb, subject = strings.ToLower(found[1]), found[2]
	}
	why := e.notPermitted(verb, subject)
	if verb != toSubscribe && subject != "" {
		e.calls.failSubject(subject, e.subjects.prefix+appendMark, why)
	}
	if e.refusals.note(err, verb, subject, verb+" "+e.kindOf(subject)) {
		e.config.Logger.Error("nats: the server refuses what the hub needs; this is told once in "+refusalPause.String(), "error", why)
	}
}

// kindOf is what subjects begin with that are of one kind.
func (e *Engine) kindOf(subject string) string {
	if strings.HasPrefix(subject, apiPrefix) {
		return apiPrefix
	}
	return subject[:min(len(subject), len(e.subjects.prefix)+len(plainMark))]
}

// notPermitted is the error of what the server refuses, with what to do.
func (e *Engine) notPermitted(verb, subject string) error {
	if subject == "" {
		return fmt.Errorf("%w: NATS at %s takes no more subscriptions: raise max_subscriptions in its configuration, or subscriptions in the limits of the account", broker.ErrRefused, e.servers)
	}
	p := e.subjects.prefix
	return fmt.Errorf("%w: NATS at %s does not permit this user the %s %q: let it publish to %s.> and %s>, and subscribe to %s.>", broker.ErrRefused, e.servers, verb, subject, p, apiPrefix, p)
}

// whyRefused returns an error if the server has refused one of the keys, or, since it took no more subscriptions, one of those that are fresh. Those are subscribed to later, if it
// takes them. The subscriptions have been flushed; full is how often there were too many before.
func (e *Engine) whyRefused(ctx context.Context, full int, wanted, fresh []broker.Key) (err error) {
	if e.refusals.await(ctx, e.link.conn, full) {
		e.keys.refuse(fresh)
		err = e.notPermitted("", "")
	}
	for _, key := range wanted {
		first, second := e.subjects.wanted(key)
		for _, subject := range []string{first, second} {
			if subject != "" && e.refusals.take(subject) {
				e.keys.refuse([]broker.Key{key})
				err = e.notPermitted(toSubscribe, subject)
			}
		}
	}
	return err
}

// retryRefused subscribes once more to what the server has refused, now and then.
func (e *Engine) retryRefused(k *keeper) {
	if !e.link.up.Load() || time.Since(k.retried) < refusalPause {
		return
	}
	k.retried = time.Now()
	again := e.keys.takeRefused()
	if len(again) == 0 {
		return
	}
	ctx, cancel := e.within(refreshTimeout)
	defer cancel()
	if e.subscribe(ctx, again) == nil {
		e.news.lost("NATS takes subscriptions that it has refused before")
	}
}
