package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/spoke"
)

// subCommand is spokehub sub.
type subCommand struct {
	Topics []string      `arg:"" name:"topic" help:"What to subscribe to: a type, such as price, or a type and an id, such as price:EURUSD."`
	JSON   bool          `name:"json" group:"output" env:"-" help:"Print each event as a line of JSON: time, lag_ms, type, id, payload, offset, epoch. (default false)"`
	LagOf  string        `group:"output" env:"-" default:"ts" placeholder:"MEMBER" help:"The member of payloads that says when they were made, in milliseconds since 1970 or as in RFC 3339; the lag is told from it. (default ${default})"`
	Since  []string      `group:"output" env:"-" sep:"none" placeholder:"POSITION" help:"Begin with what came behind a position, EPOCH:OFFSET, if the hub keeps that; for topics of several types TOPIC=EPOCH:OFFSET, once for each. (default: begin with new events)"`
	Count  int           `group:"output" env:"-" placeholder:"N" help:"End after that many events. (default: never)"`
	For    time.Duration `group:"output" env:"-" placeholder:"TIME" help:"End after that time; with --count, fail if there were fewer events. (default: never)"`
	clientFlags
}

// Help is what spokehub sub --help prints before the flags.
func (subCommand) Help() string {
	return `See all prices, then the next three of one pair as JSON:

    spokehub sub price
    spokehub sub price:EURUSD --json --count 3

Go on where an earlier run has ended, which said where that was:

    spokehub sub price --since x7:42
    spokehub sub price --since x7:0

The second begins with the oldest event that the hub keeps.

It comes back by itself when the connection is lost, and says so on standard error. Of types whose events the hub keeps it then prints what it has
missed, and in place of events that are gone a line that says so. The exit code is 0 at --count, --for, Ctrl-C or
when nobody reads its output any more; 1 if --for came before --count; 2 for wrong arguments; 3 if the hub refuses a topic, the
token or the client, at once or later; 4 if it can't be reached.`
}

// subscription is a run of spokehub sub.
type subscription struct {
	printer printer
	places  places
	ctx     context.Context
	// end ends the run; the first cause counts, nil for one that was wanted.
	end context.CancelCauseFunc
	// mu guards left, the number of events until the end; below 0 for no such number.
	mu   sync.Mutex
	left int
}

// errWanted is the end of a run that was asked for.
var errWanted = errors.New("the end that was asked for")

func (f *subCommand) run(stdout io.Writer) error {
	if err := f.check(); err != nil {
		return err
	}
	since, err := sincePositions(f.Since, f.heard())
	if err != nil {
		return usageError{err}
	}
	config, err := f.config()
	if err != nil {
		return err
	}
	signalled, stop := untilSignal()
	defer stop()
	ctx, end := context.WithCancelCause(signalled)
	defer end(nil)
	s := &subscription{printer: newPrinter(stdout, f.JSON, f.LagOf), ctx: ctx, end: end, left: f.Count}
	if f.Count == 0 {
		s.left = -1
	}
	config.OnState = s.tellState(os.Stderr)
	config.OnGap = s.miss
	config.OnReject = func(e *spoke.RejectError) { end(withCode(e)) }
	config.OnUnavailable = func(topic string) {
		fmt.Fprintf(os.Stderr, "spokehub: the hub can't take the subscription to %q yet, since its broker is away (unavailable); it is asked again\n", topic)
	}
	client, err := f.dial(ctx, config)
	if err != nil {
		return endOfSub(err)
	}
	defer client.Close()
	endWhenUnread(stdout, func() { end(errWanted) })
	if f.For > 0 {
		defer time.AfterFunc(f.For, func() { end(f.timeIsUp(s)) }).Stop()
	}
	for topic, position := range since {
		if err := client.Resume(topic, position); err != nil {
			return usageError{fmt.Errorf("--since: %w", err)}
		}
	}
	return endOfSub(s.follow(client, f.heard(), f.Timeout))
}

func (f *subCommand) check() error {
	for _, topic := range f.Topics {
		if _, _, err := event.SplitTopic(topic); err != nil {
			return usageError{fmt.Errorf("topic %q: %w", topic, err)}
		}
	}
	if f.Count < 0 {
		return usageError{fmt.Errorf("--count: got %d, want 1 or more", f.Count)}
	}
	if f.For < 0 {
		return usageError{fmt.Errorf("--for: got %v, want more than 0", f.For)}
	}
	return nil
}

// heard are the topics without those whose events another one brings.
func (f *subCommand) heard() (topics []string) {
	for _, topic := range f.Topics {
		if typ, _, hasID := strings.Cut(topic, ":"); (!hasID || !slices.Contains(f.Topics, typ)) && !slices.Contains(topics, topic) {
			topics = append(topics, topic)
		}
	}
	return topics
}

// timeIsUp is the end that --for brings.
func (f *subCommand) timeIsUp(s *subscription) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left > 0 {
		return fmt.Errorf("got %s in %v, want %d", count(f.Count-s.left, "event", "events"), f.For, f.Count)
	}
	return errWanted
}

// endOfSub turns the end of a run into what the command returns: Ctrl-C is how it is meant to end.
func endOfSub(err error) error {
	if errors.Is(err, errWanted) || errors.Is(err, context.Canceled) || errors.Is(err, errInterrupted) {
		return nil
	}
	return err
}

// follow subscribes, waits for the end, and says where topics of streams are then.
func (s *subscription) follow(client *spoke.Client, topics []string, patience time.Duration) error {
	for _, topic := range topics {
		defer client.AddEventListener(topic, func(e event.Event) { s.hear(client, topic, e) })()
	}
	err := s.await(client, topics, patience)
	client.Close()
	select {
	case <-client.Done():
		s.places.tell(os.Stderr, client, topics)
	case <-time.After(endPatience):
	}
	return err
}

// endPatience is how long the end of a run waits for an event that is being printed: whoever reads the output may have stopped.
const endPatience = 2 * time.Second

// await subscribes and waits for the end.
func (s *subscription) await(client *spoke.Client, topics []string, patience time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(s.ctx, patience, codedError{fmt.Errorf("the hub has not answered within %v (--timeout)", patience), exitUnreachable})
	defer cancel()
	if err := client.Subscribe(ctx, topics...); err != nil {
		switch {
		case ctx.Err() == nil:
			return withCode(err)
		case s.ctx.Err() == nil && client.Stats().Unavailable > 0:
			return codedError{fmt.Errorf("the hub's broker has not come back within %v (--timeout): try again later, or see the hub's log", patience), exitUnreachable}
		}
		return context.Cause(ctx)
	}
	select {
	case <-s.ctx.Done():
		return context.Cause(s.ctx)
	case <-client.Done():
		return withCode(client.Err())
	}
}

func (s *subscription) hear(client *spoke.Client, topic string, e event.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil || s.left == 0 {
		s.places.leaveOut(client, topic, e)
		return
	}
	at, _ := client.Position(topic)
	if err := s.printer.print(e, at.Epoch, time.Now()); err != nil {
		s.places.leaveOut(client, topic, e)
		s.end(endOfOutput(err))
		return
	}
	if s.left--; s.left == 0 {
		s.end(errWanted)
	}
}

// miss prints a gap, in its place among the events.
func (s *subscription) miss(g event.Gap) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil || s.left == 0 {
		return
	}
	if err := s.printer.printGap(g, time.Now()); err != nil {
		s.end(endOfOutput(err))
	}
}

// endOfOutput is the end that a failed write brings: a wanted one, if nobody reads any more.
func endOfOutput(err error) error {
	if errors.Is(err, syscall.EPIPE) {
		return errWanted
	}
	return err
}

// tellState returns a callback that says when the connection is lost and when it is back.
func (s *subscription) tellState(stderr io.Writer) func(spoke.State) {
	lost := false
	return func(state spoke.State) {
		switch {
		case state.Phase == spoke.Waiting:
			lost = true
			fmt.Fprintf(stderr, "spokehub: %s; next try in %v\n", strings.TrimPrefix(state.Err.Error(), "spoke: "), state.RetryIn.Round(100*time.Millisecond))
		case state.Phase == spoke.Connected && lost:
			lost = false
			fmt.Fprintln(stderr, "spokehub: connected again")
		}
	}
}

// count is a number with its noun.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
