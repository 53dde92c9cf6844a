//go:build linux

// Command hostile attacks a server as strangers would, and measures what innocents beside them notice:
//
//	go run ./bench/hostile
//	go run ./bench/hostile -list
//	go run ./bench/hostile -attack empty-pings,unfinished -duration 10s -check
//	go run ./bench/hostile -binary /tmp/spokehub-before -out before.md
//	go run ./bench/hostile -peers gorilla,gws,bun
//	go run ./bench/hostile -tls
//
// Each attack meets a fresh server on default flags, but for those that -list shows. Attackers whom the server ends come back after
// -again. Beside them ten innocents are pinged 100 times a second altogether and get 100 events a second, and 20 health checks a second
// ask for /healthz, half of them on fresh connections. Latencies run from the time at which a ping, an event or a check was due, and
// what never came counts with its age at the end, so a server that stands still can't hide it.
//
// The server, the attackers, the innocents and the crowd that some attacks need are processes of their own. Attackers run with a lower
// priority (-nice), because on few cores they would otherwise measure the scheduler. The column "late" is how late the
// innocents themselves were with their pings. That is part of the latencies, and the targets allow for it: where it comes near them, the
// machine was the bottleneck.
//
// The hub's limits of what a client may send a second end most floods early. What lies behind them is measured without:
//
//	go run ./bench/hostile -flags "--max-events-per-second=0 --max-bytes-per-second=0 --max-controls-per-second=0"
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spokehub/spokehub/bench/swarm"
)

func main() {
	playRole()
	switch err := run(os.Args[1:], os.Stdout, os.Stderr); {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "hostile:", err)
		os.Exit(1)
	}
}

// options is what the flags ask for.
type options struct {
	settings
	attacks     []attack
	peers       []string
	hub         hubOptions
	out         string
	list, check bool
	// secure has every attack take place over TLS.
	secure bool
}

// hubOptions say which hub is attacked.
type hubOptions struct {
	root, binary string
	flags        []string
}

// settings say how attacks are carried out.
type settings struct {
	clients         int
	duration, again time.Duration
	nice            int
	serverCores     []int
	clientCores     []int
	progress        io.Writer
}

var errMissed = errors.New("targets were missed")

// run measures what the arguments ask for, and writes the table to stdout.
func run(arguments []string, stdout, stderr io.Writer) error {
	o, err := parseFlags(arguments, stderr)
	if err != nil {
		return err
	}
	if o.list {
		return writeList(stdout)
	}
	if _, err := swarm.RaiseFileLimit(); err != nil {
		return err
	}
	outcomes, err := o.measure()
	if len(outcomes) == 0 {
		return err
	}
	table := renderTable(o, outcomes)
	fmt.Fprint(stdout, table)
	if o.out != "" {
		err = errors.Join(err, os.WriteFile(o.out, []byte(table), 0o644))
	}
	if o.check && anyMissed(outcomes) {
		err = errors.Join(err, errMissed)
	}
	return err
}

func parseFlags(arguments []string, stderr io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("hostile", flag.ContinueOnError)
	flags.SetOutput(stderr)
	names := flags.String("attack", "", "names of attacks, separated by commas (empty: all; -list shows them)")
	peers := flags.String("peers", "", "servers to attack beside the hub, such as gorilla,gws,bun: only with attacks that make sense for any WebSocket server")
	hubFlags := flags.String("flags", "", "further flags for spokehub serve, separated by spaces")
	serverCores := flags.String("server-cores", "", "cores for the server, such as 0,1 (empty: any)")
	clientCores := flags.String("client-cores", "", "cores for everybody else (empty: any)")
	flags.IntVar(&o.clients, "clients", 100, "attackers, where an attack has no number of its own")
	flags.DurationVar(&o.duration, "duration", 10*time.Second, "how long each attack lasts, where it needs no longer")
	flags.DurationVar(&o.again, "again", 100*time.Millisecond, "after what time an attacker whom the server ended comes back")
	flags.IntVar(&o.nice, "nice", 5, "by how much the attackers' priority is lowered")
	flags.StringVar(&o.hub.root, "root", "", "directory of the hub's module (empty: within it)")
	flags.StringVar(&o.hub.binary, "binary", "", "executable of another build of the hub (empty: built from -root)")
	flags.StringVar(&o.out, "out", "", "file for the table (empty: none)")
	flags.BoolVar(&o.list, "list", false, "show the attacks and do nothing")
	flags.BoolVar(&o.secure, "tls", false, "carry out every attack over TLS, not only those that are about it")
	flags.BoolVar(&o.check, "check", false, "fail if a target is missed")
	if err := flags.Parse(arguments); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unknown argument %q (see -help)", flags.Arg(0))
	}
	o.progress, o.hub.flags, o.peers = stderr, strings.Fields(*hubFlags), splitList(*peers)
	if o.attacks, err = findAttacks(splitList(*names)); err != nil {
		return o, err
	}
	var failed error
	o.serverCores, err = parseCores(*serverCores)
	o.clientCores, failed = parseCores(*clientCores)
	if err = errors.Join(err, failed); err == nil && (o.clients < 1 || o.duration <= 0) {
		err = errors.New("-clients and -duration must be more than 0")
	}
	return o, err
}

func splitList(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' })
}

func parseCores(text string) (cores []int, err error) {
	for _, part := range splitList(text) {
		core, err := strconv.Atoi(part)
		if err != nil {
			return nil, fmt.Errorf("%q is not a list of cores such as 0,1", text)
		}
		cores = append(cores, core)
	}
	return cores, nil
}

// suits reports whether the attack makes sense for a server.
func (a attack) suits(v victim) bool {
	return (v.hub || a.general) && (!a.secure || v.secure.certificate != "")
}

// measure carries out every attack on every server, and returns what it has even if it fails on the way.
func (o options) measure() (outcomes []outcome, err error) {
	directory, err := os.MkdirTemp("", "hostile")
	if err != nil {
		return nil, fmt.Errorf("make a place for executables: %w", err)
	}
	defer os.RemoveAll(directory)
	victims, err := findVictims(o.hub, o.peers, directory, o.progress)
	if err != nil {
		return nil, err
	}
	for number, a := range o.attacks {
		for _, v := range victims {
			if a.secure = a.secure || o.secure; !a.suits(v) {
				continue
			}
			fmt.Fprintf(o.progress, "[%d of %d] %s: %s\n", number+1, len(o.attacks), a.name, v.name)
			result := o.carryOut(a, v)
			if result.failure != nil {
				fmt.Fprintln(o.progress, "failed:", result.failure)
			}
			outcomes = append(outcomes, result)
		}
	}
	return outcomes, nil
}
