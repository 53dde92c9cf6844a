package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/spoke"
	"golang.org/x/time/rate"
)

// pubCommand is spokehub pub.
type pubCommand struct {
	Topic   string  `arg:"" help:"What to publish to: a type, such as price, or a type and an id, such as price:EURUSD. With - the lines of standard input are whole events: {\"type\":...,\"id\":...,\"payload\":...}."`
	Payload string  `arg:"" optional:"" help:"The payload, as JSON; null if it is missing. With - each line of standard input is one."`
	String  bool    `group:"input" env:"-" help:"The payload is a text, not JSON. (default false)"`
	Stamp   bool    `group:"input" env:"-" help:"Add the time to payloads that are objects, as ts, from which spokehub sub tells the lag. (default false)"`
	Count   int     `group:"input" env:"-" default:"1" placeholder:"N" help:"Publish the payload that many times. (default ${default})"`
	Rate    float64 `group:"input" env:"-" placeholder:"N" help:"Publish at most that many events a second. (default: no limit)"`
	Quiet   bool    `short:"q" group:"input" env:"-" help:"Print nothing but errors. (default false)"`
	clientFlags
}

// Help is what spokehub pub --help prints before the flags.
func (pubCommand) Help() string {
	return `Publish one event, a thousand, and those of a file:

    spokehub pub price:EURUSD '{"bid":1.08}'
    spokehub pub price:EURUSD '{"bid":1.08}' --stamp --count 1000 --rate 100
    spokehub pub - < events.ndjson

It ends once the hub has everything. The exit code is 0 then; 1 if a line is no event or the connection broke in between; 2 for wrong
arguments; 3 if the hub refuses an event, the token or the client; 4 if it can't be reached; 130 at Ctrl-C.`
}

// publication is a run of spokehub pub.
type publication struct {
	flags  *pubCommand
	client *spoke.Client
	stderr io.Writer
	pace   *rate.Limiter
	began  time.Time
	// published is how many events have been taken, and shown when that was shown last.
	published int
	shown     time.Time
	// refused is what the hub refused first. The client's goroutine sets it.
	refused atomic.Pointer[spoke.RejectError]
	// lost gets why a connection was lost, if it has room. The client's goroutine sends to it.
	lost chan error
}

func (f *pubCommand) run(stdin io.Reader, stderr io.Writer) error {
	events, err := f.events(stdin)
	if err != nil {
		return err
	}
	config, err := f.config()
	if err != nil {
		return err
	}
	ctx, stop := untilSignal()
	defer stop()
	p := &publication{flags: f, stderr: stderr, pace: rate.NewLimiter(rate.Inf, 1), began: time.Now(), shown: time.Now(), lost: make(chan error, 1)}
	if f.Rate > 0 {
		p.pace = rate.NewLimiter(rate.Limit(f.Rate), max(1, int(f.Rate/100)))
	}
	config.OnState = p.noteLoss
	config.OnReject = func(e *spoke.RejectError) { p.refused.CompareAndSwap(nil, e) }
	if p.client, err = f.dial(ctx, config); err != nil {
		return err
	}
	defer p.client.Close()
	err = p.publishAll(ctx, events)
	flushErr := p.flush(ctx)
	if err == nil {
		err = flushErr
	}
	if refusal := p.refused.Load(); refusal != nil && (err == nil || ctx.Err() == nil) {
		return withCode(refusal)
	}
	p.sum(flushErr != nil, ctx.Err() != nil)
	if ctx.Err() != nil {
		return errInterrupted
	}
	return err
}

func (p *publication) publishAll(ctx context.Context, events eventSource) error {
	for {
		e, err := events.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := p.pace.Wait(ctx); err != nil {
			return err
		}
		if p.flags.Stamp {
			e.Payload = stamped(e.Payload, time.Now())
		}
		if err := p.publish(ctx, e); err != nil {
			return err
		}
		if refusal := p.refused.Load(); refusal != nil {
			return withCode(refusal)
		}
		p.published++
		p.progress()
	}
}

// publish waits for room, without a connection too.
func (p *publication) publish(ctx context.Context, e event.Event) error {
	for {
		err := p.client.Publish(ctx, e)
		if !errors.Is(err, spoke.ErrQueueFull) {
			return withCode(withCloseCure(err))
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// flush waits until the hub has everything, also at Ctrl-C.
func (p *publication) flush(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.flags.Timeout)
	defer cancel()
	err := p.client.Flush(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return codedError{fmt.Errorf("the hub has not confirmed all events within %v (--timeout): some may be lost", p.flags.Timeout), exitUnreachable}
	}
	if errors.Is(err, spoke.ErrUnconfirmed) {
		return p.unconfirmed(ctx)
	}
	return withCode(withCloseCure(err))
}

// progress tells how far it is, once a second where somebody looks.
func (p *publication) progress() {
	if p.flags.Quiet || !isTerminal(p.stderr) || time.Since(p.shown) < time.Second {
		return
	}
	p.shown = time.Now()
	of := ""
	if p.flags.Count > 1 {
		of = fmt.Sprintf(" of %d", p.flags.Count)
	}
	fmt.Fprintf(p.stderr, "\r%d%s published, %.0f a second ", p.published, of, float64(p.published)/time.Since(p.began).Seconds())
}

// sum tells what was done, and claims no more than the hub has confirmed.
func (p *publication) sum(unconfirmed, interrupted bool) {
	if p.flags.Quiet {
		return
	}
	if isTerminal(p.stderr) && p.shown.After(p.began.Add(time.Second)) {
		fmt.Fprint(p.stderr, "\r\x1b[K")
	}
	done, short := "published", ""
	if unconfirmed {
		done = "sent"
	}
	if interrupted {
		short = ", then interrupted"
	}
	fmt.Fprintf(p.stderr, "%s %s%s\n", done, count(p.published, "event", "events"), short)
}

// stamped adds the time to a payload that is an object.
func stamped(payload []byte, now time.Time) []byte {
	if len(payload) < 2 || payload[0] != '{' {
		return payload
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(payload, &members) != nil {
		return payload
	}
	members["ts"] = json.RawMessage(fmt.Sprintf("%.3f", float64(now.UnixMicro())/1000))
	text, err := json.Marshal(members)
	if err != nil {
		return payload
	}
	return text
}
