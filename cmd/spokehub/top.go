package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/term"
)

// topCommand is spokehub top.
type topCommand struct {
	Admin      string        `group:"hub" env:"-" default:"http://127.0.0.1:8081" placeholder:"URL" help:"The admin address of the hub. (default ${default})"`
	APIKeyFile string        `group:"hub" env:"-" name:"api-key-file" placeholder:"FILE" help:"A file with an API key, for a hub with --api-keys. It is read again for each question. (default: none)"`
	Timeout    time.Duration `group:"hub" env:"-" default:"5s" placeholder:"TIME" help:"How long to wait for an answer. (default ${default})"`
	Interval   time.Duration `group:"output" env:"-" default:"2s" placeholder:"TIME" help:"How often the hub is asked. It looks at its counters every 2s itself. (default ${default})"`
	Once       bool          `group:"output" env:"-" help:"Print how the hub is now, and end. So it is without a terminal, too. (default false)"`
}

// Help is what spokehub top --help prints before the flags.
func (topCommand) Help() string {
	return `Watch a hub in a terminal: rates, queues, memory, topics, and what else it tells.

    spokehub top
    spokehub top --admin http://10.0.0.7:8081 --api-key-file key
    spokehub top --once

Keys: q ends it, p pauses it, tab goes to the next table, the left and right arrows choose the column that sorts it, and up and down turn the order around.
A hub that is away is asked until it is back. The exit code is 0 at the end; 2 for wrong arguments; and of what is printed once 3 if the hub
refuses the API key, and 4 if it can't be reached.`
}

// minInterval is the least time between two questions.
const minInterval = 100 * time.Millisecond

func (c *topCommand) run(stdout io.Writer) error {
	if c.Interval < minInterval {
		return usageError{fmt.Errorf("--interval: got %v, want %v or more", c.Interval, minInterval)}
	}
	if c.Timeout <= 0 {
		return usageError{fmt.Errorf("--timeout: got %v, want more than 0", c.Timeout)}
	}
	source, err := newTopSource(c.Admin, c.APIKeyFile, c.Timeout)
	if err != nil {
		return usageError{err}
	}
	ctx, stop := untilSignal()
	defer stop()
	file, isFile := stdout.(*os.File)
	if c.Once || !isFile || !term.IsTerminal(file.Fd()) {
		return c.printOnce(ctx, source, stdout)
	}
	screen := &topScreen{ctx: ctx, source: source, interval: c.Interval}
	_, err = tea.NewProgram(screen, tea.WithContext(ctx), tea.WithOutput(stdout)).Run()
	if errors.Is(err, tea.ErrProgramKilled) || errors.Is(err, tea.ErrInterrupted) || ctx.Err() != nil {
		return nil
	}
	return err
}

func (c *topCommand) printOnce(ctx context.Context, source *topSource, stdout io.Writer) error {
	answer, err := source.ask(ctx, 0)
	if err != nil {
		return err
	}
	view := topView{}
	view.take(answer)
	_, err = fmt.Fprintln(stdout, view.text(0, 0, plainLook))
	return err
}
