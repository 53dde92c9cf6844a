//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/spokehub/spokehub/bench/server"
	"github.com/spokehub/spokehub/bench/swarm"
)

const (
	// patience is how long everything may take to come right in a calm.
	patience = time.Minute
	// looking is the time between two looks whether it has, resweep that between two sweeps.
	looking = 25 * time.Millisecond
	resweep = 3 * time.Second
)

// errInterrupted ends a run early, and is no fault of anybody.
var errInterrupted = errors.New("interrupted")

// options are the flags.
type options struct {
	// Duration is that of the whole run, Round that of the faults between two calms; there are three rounds or more.
	Duration, Round time.Duration
	// Clients are all, Nodes those of them that run in Node.
	Clients, Nodes int
	// Seed repeats the plan. Rate is how many batches are published a second.
	Seed uint64
	Rate float64
	// Longest is the longest time from a connect to its fault, MaxDelay the longest pause of a client before a reconnect. Patience is how
	// long a client bears silence, and then waits for a sign of life; a connect may take twice as long.
	Longest, MaxDelay, Patience time.Duration
	// Hub is the binary, or empty to build it. Page and Data are where the report goes; empty is nowhere.
	Hub, Page, Data string
}

func (o options) check() error {
	switch {
	case o.Duration <= 0 || o.Round <= 0 || o.Longest < time.Millisecond || o.MaxDelay < shortestPause || o.Patience < time.Millisecond:
		return errors.New("-duration, -round, -longest and -patience must be more than 0, and -max-delay at least half a second")
	case o.Clients < 2 || o.Nodes < 0 || o.Nodes > o.Clients:
		return errors.New("-clients must be 2 or more, and -nodes from 0 to -clients")
	case o.Rate <= 0:
		return errors.New("-rate must be more than 0")
	}
	return nil
}

// chaos is one run. The goroutine of run owns it; timeline has a lock.
type chaos struct {
	options
	out       io.Writer
	ledger    *ledger
	arrivals  *arrivals
	hubs      *hubs
	proxy     *proxy
	publisher *publisher
	crews     []*crew
	holdings  []holding
	rounds    int
	timeline  timeline
}

// run plays chaos until the duration is over or ctx ends, and returns what it found. An error means that it couldn't.
func run(ctx context.Context, o options, out io.Writer) (outcome, error) {
	if err := o.check(); err != nil {
		return outcome{}, err
	}
	if _, err := swarm.RaiseFileLimit(); err != nil {
		return outcome{}, err
	}
	if o.Hub == "" {
		directory, err := os.MkdirTemp("", "chaos")
		if err != nil {
			return outcome{}, fmt.Errorf("make room for the hub: %w", err)
		}
		defer os.RemoveAll(directory)
		if o.Hub, err = server.Build("", directory, "cmd/spokehub"); err != nil {
			return outcome{}, err
		}
	}
	c := &chaos{options: o, out: out, ledger: newLedger(o.Clients, o.Clients-o.Nodes)}
	c.arrivals = newArrivals(o.Clients, c.ledger)
	err := c.start()
	if err == nil {
		err = c.play(ctx)
	}
	c.ledger.close()
	found := c.outcome(errors.Is(err, errInterrupted))
	if errors.Is(err, errInterrupted) {
		err = nil
	}
	return found, errors.Join(err, c.stop())
}

// start runs the hub, the proxy and the clients.
func (c *chaos) start() (err error) {
	if c.hubs, err = startHubs(c.Hub, c.Patience); err != nil {
		return err
	}
	if c.proxy, err = startProxy(seed(c.Seed), c.Longest, c.ledger, c.arrivals); err != nil {
		return err
	}
	c.proxy.lead(c.hubs.current().Address)
	c.proxy.setCalm(true)
	for _, one := range []struct {
		name        string
		first, last int
		command     func() (*exec.Cmd, error)
	}{
		{"Go", 0, c.Clients - c.Nodes, goCommand}, {"Node", c.Clients - c.Nodes, c.Clients, nodeCommand},
	} {
		if one.first == one.last {
			continue
		}
		cmd, err := one.command()
		if err != nil {
			return err
		}
		crew, err := startCrew(one.name, cmd, c.task(one.first, one.last), c.ledger)
		if err != nil {
			return err
		}
		c.crews = append(c.crews, crew)
	}
	c.publisher = &publisher{hubs: c.hubs, ledger: c.ledger, every: time.Duration(float64(time.Second) / c.Rate)}
	return nil
}

// task is that of the clients from first to last, without the last.
func (c *chaos) task(first, last int) task {
	t := task{
		URL:      "ws://" + c.proxy.address() + c.hubs.current().Path,
		MinDelay: int(shortestPause.Milliseconds()), MaxDelay: int(c.MaxDelay.Milliseconds()),
		Ping: int(c.Patience.Milliseconds()), Patience: int(c.Patience.Milliseconds()), Connect: int(2 * c.Patience.Milliseconds()), Pause: int(speechPause.Milliseconds()),
	}
	for client := first; client < last; client++ {
		t.Members = append(t.Members, newMember(client))
	}
	return t
}

// play is a calm, and then rounds of faults with a calm after each.
func (c *chaos) play(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go c.publisher.run(ctx)
	go c.timeline.run(ctx, c)
	if err := c.calm(ctx); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%v: all %d clients are there, seed %d\n", c.ledger.elapsed().Round(time.Second), c.Clients, c.Seed)
	for c.rounds = 0; c.rounds < len(upheavals) || c.ledger.elapsed() < c.Duration; c.rounds++ {
		c.proxy.setCalm(false)
		if err := c.round(ctx, seed(c.Seed).upheaval(c.rounds)); err != nil {
			return err
		}
		if err := c.calm(ctx); err != nil {
			return err
		}
		if err := c.measure(); err != nil {
			return err
		}
		c.progress()
	}
	return nil
}

// round lets faults happen, and the upheaval in the middle.
func (c *chaos) round(ctx context.Context, what upheaval) error {
	if err := rest(ctx, c.Round/2); err != nil {
		return err
	}
	c.arrivals.begin(what, c.ledger.connected())
	if what == cutAll {
		c.proxy.cutAll()
	} else {
		if err := c.hubs.replace(what, patience); err != nil {
			return err
		}
		c.proxy.lead(c.hubs.current().Address)
	}
	return rest(ctx, c.Round/2)
}

// rest waits.
func rest(ctx context.Context, pause time.Duration) error {
	select {
	case <-time.After(pause):
		return nil
	case <-ctx.Done():
		return errInterrupted
	}
}

// calm holds faults back until every client has all its subscriptions and has heard all that is published, and closes the books.
func (c *chaos) calm(ctx context.Context) error {
	c.proxy.setCalm(true)
	named, err := c.await(ctx, patience, func() string {
		named, _ := c.ledger.absent()
		return named
	})
	if err != nil {
		return err
	}
	if named != "" {
		c.ledger.problem(nobody, "not every client was back %v after the last fault: %s", patience, named)
	}
	c.publisher.hush(true)
	defer c.publisher.hush(false)
	if err := c.tell(tellHush); err != nil {
		return err
	}
	for began := time.Now(); ; {
		if err := errors.Join(c.publisher.sweep(), c.tell(tellSay)); err != nil {
			return err
		}
		if named, err = c.await(ctx, resweep, c.ledger.unsettled); err != nil {
			return err
		}
		if named == "" {
			break
		}
		if time.Since(began) > patience {
			c.ledger.problem(nobody, "not every client had heard everything %v after the last fault: %s", patience, named)
			break
		}
	}
	c.ledger.settle()
	return c.tell(tellSpeak)
}

// await looks until nothing is named any more, or for so long.
func (c *chaos) await(ctx context.Context, most time.Duration, look func() string) (named string, err error) {
	for began := time.Now(); ; {
		if named = look(); named == "" || time.Since(began) > most {
			return named, nil
		}
		if err := rest(ctx, looking); err != nil {
			return named, err
		}
	}
}

func (c *chaos) tell(command string) error {
	for _, crew := range c.crews {
		if _, err := crew.tell(command, patience); err != nil {
			return err
		}
	}
	return nil
}

// measure reads what each process holds.
func (c *chaos) measure() error {
	for _, crew := range c.crews {
		m, err := crew.tell(tellMeasure, patience)
		if err != nil {
			return err
		}
		bytes, err := resident(crew.cmd.Process.Pid)
		if err != nil {
			return err
		}
		c.holdings = append(c.holdings, holding{c.ledger.elapsed(), crew.name + " clients", bytes, m.Heap, m.Running})
	}
	hub, err := c.hubs.current().Sample()
	if err != nil {
		return err
	}
	c.holdings = append(c.holdings, holding{c.ledger.elapsed(), "hub", hub.Memory.RSS, hub.Heap, hub.Goroutines})
	return nil
}

// progress prints a line, and the latest problem.
func (c *chaos) progress() {
	f := c.ledger.result()
	if len(f.problems) > 0 {
		fmt.Fprintln(c.out, "the latest problem:", f.problems[len(f.problems)-1])
	}
	fmt.Fprintf(c.out, "%v, round %d (%v): %d lines, %d times back, %d events passed, %d problems\n",
		c.ledger.elapsed().Round(time.Second), c.rounds+1, seed(c.Seed).upheaval(c.rounds), f.tallies.Lines, f.tallies.Back, f.tallies.Passed,
		len(f.problems)+f.further)
}

// stop ends everything.
func (c *chaos) stop() (err error) {
	for _, crew := range c.crews {
		err = errors.Join(err, crew.quit())
	}
	if c.proxy != nil {
		c.proxy.close()
	}
	if c.hubs != nil {
		err = errors.Join(err, c.hubs.current().Stop())
	}
	return err
}
