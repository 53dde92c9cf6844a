//go:build linux

// Command chaos lets Go and JavaScript clients live over a proxy that cuts, stalls, delays and refuses them, and checks that they get over it.
//
//	go run ./bench/soak/chaos -duration 1h -page chaos.html
//	go run ./bench/soak/chaos -duration 1m -clients 50 -nodes 0
//
// Node's half needs Node, and the packages of the JavaScript client: npm ci and npm run build in its directory.
//
// A publisher beside the proxy sends numbered events to many topics, and one client in ten publishes, too. The proxy numbers the connections,
// its lines; a hash of the seed and the number says what happens to each: it is refused, held back until a later one is served, never
// answered, delayed, cut between frames or inside one, stalled in one direction or both, or closed with 1012 or 1013. In the middle of each
// round all lines are cut, or the hub is killed, or drained. After each round there is a calm without new faults.
//
// Two of the types have streams: the hub keeps all of one, and the last few events of the other, so that who comes back finds a gap. Clients hold
// their types, single ids of them, or both, and some publish to them. Their events are long and little waits at the hub and in sockets, so clients fall
// behind where a line is stalled. An observer at the hub sees the streams from outside the proxy, and clients say at which position they have
// heard what, and of which gaps they were told.
//
// The proxy reads what passes. So the ledger knows of each line when all subscriptions are in force, which events have to pass from then on,
// and which of those that passed the client's listeners have heard. These are problems:
//
//   - an event was left out on a line after all subscriptions were in force there, or came twice, or out of order
//   - a listener missed an event that passed between others of the same line, or before an orderly end of it
//   - over its whole life, a client missed an event of a stream without being told, heard one twice or out of order, or another one than others at
//     the same position
//   - a client was told of a gap where there was none, or of none where a new hub has another epoch
//   - the hub lost an event of a stream, answered a position wrongly, or sent events of a stream twice on one line
//   - a client was not back a minute after the last fault, or had not heard by then all that is published in the calm
//   - a client published before it had subscribed again, or twice, or out of order, or lost what it published while it knew that it was away
//   - clients came back at the same time after all lines were cut, or one of them in a loop without pauses
//   - a process holds more memory in the last calm than in the first
//
// The exit code is 1 if there was one. An interrupted run reports what it has found.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const (
	// shortestPause bounds the pauses before a reconnect from below, speechPause is the time between two events of a voice.
	shortestPause = 500 * time.Millisecond
	speechPause   = 500 * time.Millisecond
)

func main() {
	runIfCrew()
	var o options
	flag.DurationVar(&o.Duration, "duration", time.Minute, "how long in all; there are three rounds or more")
	flag.DurationVar(&o.Round, "round", 20*time.Second, "how long there are faults between two calms")
	flag.IntVar(&o.Clients, "clients", 500, "how many clients there are")
	flag.IntVar(&o.Nodes, "nodes", -1, "how many of them run in Node (default half)")
	flag.Uint64Var(&o.Seed, "seed", 1, "repeats the plan of a run")
	flag.Float64Var(&o.Rate, "rate", 5, "batches of events that are published a second")
	flag.DurationVar(&o.Longest, "longest", 15*time.Second, "longest time from a connect to its fault")
	flag.DurationVar(&o.MaxDelay, "max-delay", 20*time.Second, "longest pause of a client before a reconnect")
	flag.DurationVar(&o.Patience, "patience", 3*time.Second, "how long a client bears silence, and then waits for a sign of life; a connect may take twice as long")
	flag.StringVar(&o.Hub, "hub", "", "the hub's binary (default built from this module)")
	flag.StringVar(&o.Page, "page", "chaos.html", "where the page with plots goes; empty is nowhere")
	flag.StringVar(&o.Data, "data", "", "where the figures go, as JSON; empty is nowhere")
	flag.Parse()
	if o.Nodes < 0 {
		o.Nodes = o.Clients / 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	found, err := run(ctx, o, os.Stdout)
	if found.Took > 0 {
		found.print(os.Stdout)
		if failed := found.write(o.Page, o.Data); failed != nil {
			fmt.Fprintln(os.Stderr, "chaos:", failed)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
	}
	if err != nil || found.failed() {
		os.Exit(1)
	}
}
