package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spokehub/spokehub/internal/loadtest"
	"github.com/spokehub/spokehub/spoke"
)

// benchCommand is spokehub bench.
type benchCommand struct {
	At          string        `arg:"" optional:"" name:"url" help:"The hub, instead of --url."`
	Connections int           `short:"c" group:"load" env:"-" default:"100" placeholder:"N" help:"How many subscribers connect. (default ${default})"`
	Topics      int           `group:"load" env:"-" default:"1" placeholder:"N" help:"Over how many topics they are spread. (default ${default})"`
	Publishers  int           `group:"load" env:"-" default:"1" placeholder:"N" help:"How many clients publish beside them. (default ${default})"`
	Rate        float64       `group:"load" env:"-" default:"100" placeholder:"N" help:"How many events a second they publish, all together; each goes to the subscribers of one topic. (default ${default})"`
	Size        int           `group:"load" env:"-" default:"128" placeholder:"BYTES" help:"How long a payload is. (default ${default})"`
	Duration    time.Duration `group:"load" env:"-" default:"10s" placeholder:"TIME" help:"How long they publish. (default ${default})"`
	JSON        bool          `name:"json" group:"output" env:"-" help:"Print the result as JSON. (default false)"`
	HTML        string        `name:"html" group:"output" env:"-" placeholder:"FILE" help:"Write a page with plots. (default: none)"`
	clientFlags
}

// Help is what spokehub bench --help prints before the flags.
func (benchCommand) Help() string {
	return `Load a hub from outside, with as many subscribers as this machine can have, and see how long events take and whether one is lost:

    spokehub bench ws://127.0.0.1:8080/ws -c 5000 --rate 20 --html bench.html

The hub has to relay, and to let these clients publish and subscribe to types that begin with spokehub.bench. A latency counts from the
moment at which an event was due, so a hub that falls behind does not hide it. Ctrl-C ends it and reports what there is. The exit code is 0 if every
subscriber got each event once and in order, 1 if not, 2 for wrong arguments, 3 if the hub refuses something, 4 if it can't be reached,
130 at Ctrl-C.`
}

func (f *benchCommand) run(stdout, stderr io.Writer) error {
	if f.At != "" {
		f.URL = f.At
	}
	config, err := f.config()
	if err != nil {
		return err
	}
	if limit := fileLimit(); limit > 0 && uint64(f.Connections+f.Publishers+spareFiles) > limit {
		return usageError{fmt.Errorf("--connections: got %d, and this process may open %d files, so want %d at most; raise ulimit -n, or run several at once",
			f.Connections, limit, int(limit)-f.Publishers-spareFiles)}
	}
	ctx, stop := untilSignal()
	defer stop()
	load := loadtest.Config{
		URL: f.URL, Client: config, Connections: f.Connections, Topics: f.Topics, Publishers: f.Publishers,
		Rate: f.Rate, Size: f.Size, Duration: f.Duration, Patience: f.Timeout,
	}
	if isTerminal(stderr) && !f.JSON {
		load.Progress = func(p loadtest.Progress) { showProgress(stderr, p) }
	}
	result, err := loadtest.Run(ctx, load)
	if load.Progress != nil {
		fmt.Fprint(stderr, "\r\x1b[K")
	}
	if err != nil {
		return f.explain(err)
	}
	if err := f.report(stdout, result); err != nil {
		return err
	}
	switch {
	case result.Interrupted:
		return errInterrupted
	case !result.IsClean():
		return codedError{errors.New(""), exitFailure}
	}
	return nil
}

// spareFiles are descriptors for everything but connections.
const spareFiles = 32

// explain gives an error its exit code.
func (f *benchCommand) explain(err error) error {
	if errors.Is(err, context.Canceled) {
		return errInterrupted
	}
	if _, isBehind := errors.AsType[*loadtest.BehindError](err); isBehind {
		return fmt.Errorf("--%w", err)
	}
	coded := withCode(withCloseCure(err))
	if _, hasCode := errors.AsType[codedError](coded); hasCode || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, spoke.ErrClosed) {
		if refusal, ok := errors.AsType[*spoke.RejectError](err); ok && refusal.Published {
			return codedError{fmt.Errorf("%w; spokehub bench publishes as a client", err), exitRefused}
		}
		return coded
	}
	return usageError{err}
}

func (f *benchCommand) report(stdout io.Writer, r *loadtest.Result) error {
	if f.HTML != "" {
		file, err := os.Create(f.HTML)
		if err != nil {
			return fmt.Errorf("--html: %w", err)
		}
		if err := errors.Join(loadtest.WritePage(file, r), file.Close()); err != nil {
			return fmt.Errorf("--html: %w", err)
		}
	}
	if f.JSON {
		text, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(stdout, "%s\n", text)
		return err
	}
	return printResult(stdout, r)
}

func printResult(out io.Writer, r *loadtest.Result) error {
	how := ""
	if r.Interrupted {
		how = ", interrupted"
	}
	lost := fmt.Sprintf("%d lost", r.LostConnections)
	if r.WhyLost != "" {
		lost += ", the first with " + r.WhyLost
	}
	_, err := fmt.Fprintf(out, `connections  %d in %.0f ms; handshake p50 %.3g, p99 %.3g, max %.3g ms; %s
published    %s of %d bytes%s
delivered    %d of %d; lost %d, doubled %d, out of order %d
latency      p50 %.3g, p90 %.3g, p99 %.3g, p99.9 %.3g, max %.3g ms
`,
		r.Connections+r.Publishers, r.Connecting, r.Connect.P50, r.Connect.P99, r.Connect.Max, lost,
		count(int(r.Published), "event", "events"), r.Size, how,
		r.Delivered, r.Expected, r.Lost, r.Doubled, r.Disordered,
		r.Latency.P50, r.Latency.P90, r.Latency.P99, r.Latency.P999, r.Latency.Max)
	return err
}

func showProgress(stderr io.Writer, p loadtest.Progress) {
	if p.Elapsed == 0 {
		fmt.Fprintf(stderr, "\r\x1b[K%d of %d connected", p.Connected, p.Connections)
		return
	}
	fmt.Fprintf(stderr, "\r\x1b[K%v of %v: %d published, %d delivered", p.Elapsed.Round(time.Second), p.Duration, p.Published, p.Delivered)
}
