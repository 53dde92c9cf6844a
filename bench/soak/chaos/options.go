//go:build linux

package main

import (
	"errors"
	"fmt"
	"time"
)

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

// command repeats the run.
func (o options) command() string {
	return fmt.Sprintf("go run ./bench/soak/chaos -duration %v -round %v -clients %d -nodes %d -seed %d -rate %g -longest %v -max-delay %v -patience %v",
		o.Duration, o.Round, o.Clients, o.Nodes, o.Seed, o.Rate, o.Longest, o.MaxDelay, o.Patience)
}
