package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// probeCommand is spokehub check.
type probeCommand struct {
	At   string `arg:"" optional:"" name:"url" help:"The hub, instead of --url."`
	JSON bool   `name:"json" group:"output" env:"-" help:"Print the steps as JSON. (default false)"`
	clientFlags
}

// Help is what spokehub check --help prints before the flags.
func (probeCommand) Help() string {
	return `Go the way of a client to a hub, step by step, and say how long each step takes, or what is wrong and what to do:

    spokehub check wss://hub.example.com/ws
    spokehub check wss://hub.example.com/ws --origin https://www.example.com --token-file token

The steps: the name, the connection, TLS and its certificate, the handshake of a program, that of a page of --origin (or of the hub's own host), an event there and
back, a control event and its ack. The exit code is 0 if all is well, and 1 if a step failed.`
}

// verdict is what became of a step.
type verdict string

const (
	passed  verdict = "ok"
	warned  verdict = "note"
	failed  verdict = "FAIL"
	skipped verdict = "skip"
)

// step is one step of a check.
type step struct {
	Name    string        `json:"step"`
	Verdict verdict       `json:"verdict"`
	Took    time.Duration `json:"-"`
	Ms      float64       `json:"ms"`
	What    string        `json:"what"`
	Cure    string        `json:"cure,omitempty"`
}

// errCheckFailed is the end of a check that has printed what is wrong.
var errCheckFailed = codedError{errors.New(""), exitFailure}

func (f *probeCommand) run(stdout io.Writer) error {
	if f.At != "" {
		f.URL = f.At
	}
	config, err := f.config()
	if err != nil {
		return err
	}
	if f.Origin != "" {
		config.Header.Del("Origin")
	}
	ctx, stop := untilSignal()
	defer stop()
	c := &inspection{flags: f, config: config, tell: func(step) {}}
	if !f.JSON {
		fmt.Fprintln(stdout, withoutPassword(f.URL))
		c.tell = func(s step) { printStep(stdout, s) }
	}
	if err := c.run(ctx); err != nil {
		return err
	}
	if f.JSON {
		text, err := json.MarshalIndent(c.steps, "", "  ")
		if err != nil {
			return err
		}
		fmt.Fprintf(stdout, "%s\n", text)
	}
	switch {
	case ctx.Err() != nil:
		return errInterrupted
	case c.hasFailed():
		return errCheckFailed
	}
	return nil
}

func printStep(out io.Writer, s step) {
	took := ""
	if s.Took > 0 {
		took = fmt.Sprintf("%.1f ms", s.Ms)
	}
	fmt.Fprintf(out, "  %-4s  %-14s %9s  %s\n", s.Verdict, s.Name, took, s.What)
	if s.Cure != "" {
		fmt.Fprintf(out, "  %-4s  %-14s %9s  %s\n", "", "", "", "-> "+s.Cure)
	}
}

// splitCure takes the last part of an error apart, which says what to do.
func splitCure(err error) (what, cure string) {
	text := strings.TrimPrefix(inFlags(err).Error(), "spoke: ")
	if _, rest, found := strings.Cut(text, "connect to "); found {
		if _, after, found := strings.Cut(rest, ": "); found {
			text = after
		}
	}
	if i := strings.LastIndex(text, ": "); i >= 0 {
		return text[:i], text[i+2:]
	}
	return text, ""
}

// within gives a step the time of --timeout.
func (f *probeCommand) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, f.Timeout)
}
