//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"time"
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
