//go:build linux

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spokehub/spokehub/bench/server"
	"github.com/spokehub/spokehub/bench/swarm"
)

func main() {
	swarm.RunIfChild()
	runIfCrew()
	switch err := run(os.Args[1:], os.Stdout, os.Stderr); {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

// settings are what the flags ask for. They don't change once binaries are built.
type settings struct {
	engines, servers, works, from []string
	sizes
	rates
	times
	pinning
	places
	hubFlags []string
	command  string
}

// sizes are numbers of things: writers are connections that publish at a node, clients those of kill and rolling.
type sizes struct{ nodes, spokes, topics, payload, writers, clients, runs int }

// rates are events a second.
type rates struct{ everybody, topics, users, kept float64 }

// places are the hub's module, the file for the report, and where executables are.
type places struct{ root, out, binaries string }

// times are how long a load is measured, and how long it runs before.
type times struct{ duration, warmup time.Duration }

// pinning says who runs where; empty for anywhere.
type pinning struct{ serverCores, clientCores []int }

func parseFlags(arguments []string) (s settings, err error) {
	flags := flag.NewFlagSet("cluster", flag.ContinueOnError)
	lists := map[string]*[]string{"engines": &s.engines, "servers": &s.servers, "works": &s.works, "from": &s.from}
	texts := map[string]*string{
		"engines": flags.String("engines", "nats,redis", "brokers, of nats,redis, or none for one node without"),
		"servers": flags.String("servers", "hub,centrifuge", "who is measured"),
		"works":   flags.String("works", names(), "what is measured"),
		"from":    flags.String("from", "one,spread", "where events are published: one node, or all in turn"),
	}
	flags.IntVar(&s.nodes, "nodes", 6, fmt.Sprintf("nodes of the cluster, %d at most", writerGroup))
	flags.IntVar(&s.spokes, "spokes", 100_000, "spokes of all nodes together")
	flags.IntVar(&s.sizes.topics, "topics", 10_000, "topics of the work topics")
	flags.IntVar(&s.payload, "payload", 128, "bytes of an envelope")
	flags.IntVar(&s.writers, "writers", 16, "connections that publish at a node")
	flags.IntVar(&s.clients, "clients", 3000, "clients of kill and rolling")
	flags.IntVar(&s.runs, "runs", 3, "how often everything is measured; tables show medians")
	flags.Float64Var(&s.everybody, "everybody-rate", 10, "events a second of the work everybody")
	flags.Float64Var(&s.rates.topics, "topics-rate", 10_000, "events a second of the work topics")
	flags.Float64Var(&s.users, "users-rate", 10_000, "events a second of the work users")
	flags.Float64Var(&s.kept, "kept-rate", 50, "events a second of kill and rolling")
	flags.DurationVar(&s.duration, "duration", 10*time.Second, "how long a load is measured")
	flags.DurationVar(&s.warmup, "warmup", 2*time.Second, "how long it runs before")
	flags.StringVar(&s.root, "root", filepath.Join("..", ".."), "directory of the hub's module")
	flags.StringVar(&s.out, "out", "", "file for the report in Markdown (empty: none)")
	hubFlags := flags.String("server-flags", "--drain-period=2s", "further flags for spokehub serve, separated by spaces")
	cores := flags.Int("server-cores", 0, "cores for nodes and broker (0: half of them); clients get the others")
	if err = flags.Parse(arguments); err != nil {
		return s, err
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("unknown argument %q (see -help)", flags.Arg(0))
	}
	comma := func(r rune) bool { return r == ',' }
	for name, list := range lists {
		*list = strings.FieldsFunc(*texts[name], comma)
	}
	s.hubFlags, s.command = strings.Fields(*hubFlags), repeatable(flags)
	if s.serverCores, s.clientCores, err = splitCores(*cores); err != nil {
		return s, err
	}
	return s, s.check()
}

// repeatable is the command that measures the same again.
func repeatable(flags *flag.FlagSet) string {
	parts := []string{"cd bench/cluster && go run ."}
	flags.Visit(func(f *flag.Flag) {
		if f.Name != "root" && f.Name != "out" {
			parts = append(parts, fmt.Sprintf("-%s %q", f.Name, f.Value))
		}
	})
	return strings.Join(parts, " ")
}

// check refuses what can't be measured.
func (s settings) check() error {
	known := map[string][]string{
		"engines": {engineNATS, engineRedis, engineNone}, "servers": {serverHub, serverCentrifuge}, "from": {fromOne, fromSpread},
		"works": strings.Split(names(), ","),
	}
	for name, values := range map[string][]string{"engines": s.engines, "servers": s.servers, "works": s.works, "from": s.from} {
		if len(values) == 0 {
			return fmt.Errorf("-%s: say some of %s", name, strings.Join(known[name], ","))
		}
		for _, value := range values {
			if !slices.Contains(known[name], value) {
				return fmt.Errorf("-%s: there is no %q: say some of %s", name, value, strings.Join(known[name], ","))
			}
		}
	}
	limit, err := swarm.RaiseFileLimit()
	switch {
	case err != nil:
		return err
	case s.nodes < 1 || s.nodes > writerGroup:
		return fmt.Errorf("-nodes: %d: 1 to %d are possible", s.nodes, writerGroup)
	case slices.Contains(s.engines, engineNone) && s.nodes != 1:
		return errors.New("-engines: without a broker there is one node: say -nodes 1")
	case s.spokes < s.nodes || s.spokes/s.nodes > limit.Room():
		return fmt.Errorf("-spokes: %d: each node gets at least one, and %d at most, by the file limit", s.spokes, limit.Room())
	case s.clients < s.nodes || s.clients/max(s.nodes-1, 1) > limit.Room():
		return fmt.Errorf("-clients: %d: each node gets at least one, and %d at most when another one is down, by the file limit", s.clients, limit.Room())
	case s.payload < swarm.MinPayload:
		return fmt.Errorf("-payload: %d: at least %d", s.payload, swarm.MinPayload)
	case min(s.sizes.topics, s.writers, s.runs) < 1 || min(s.everybody, s.rates.topics, s.users, s.kept) <= 0 || s.duration <= 0:
		return errors.New("-topics, -writers, -runs, -duration and all rates have to be more than 0")
	}
	return nil
}

// run measures everything in turns and writes the report.
func run(arguments []string, out, progress io.Writer) error {
	s, err := parseFlags(arguments)
	if err != nil {
		return err
	}
	all, err := s.measure(progress)
	if err != nil {
		return err
	}
	report := all.markdown(s.head())
	fmt.Fprint(out, report)
	if s.out != "" {
		err = os.WriteFile(s.out, []byte(report), 0o644)
	}
	return errors.Join(err, all.failed())
}

// failed says how many turns gave no figures.
func (all results) failed() error {
	if n := len(all.where(func(r result) bool { return r.Err != nil })); n > 0 {
		return fmt.Errorf("%d of %d runs failed: the report says why", n, len(all))
	}
	return nil
}

// head says what was measured, and where.
func (s settings) head() string {
	return fmt.Sprintf("# A cluster of %d nodes\n\n%s, %d cores: nodes and broker on %d, clients on %d. %d spokes, or %d clients that come back. Medians of %d runs, in turns.\n\n    %s\n",
		s.nodes, runtime.Version(), runtime.NumCPU(), max(len(s.serverCores), 1), max(len(s.clientCores), 1), s.spokes, s.clients, s.runs, s.command)
}

// measure runs every turn. One that fails is a result too.
func (s settings) measure(progress io.Writer) (all results, err error) {
	directory, err := os.MkdirTemp("", "spokehub-cluster-bin-")
	if err != nil {
		return nil, fmt.Errorf("make a place for executables: %w", err)
	}
	defer os.RemoveAll(directory)
	s.binaries = directory
	if err := s.build(progress); err != nil {
		return nil, err
	}
	var turns []turn
	for run := range s.runs {
		turns = append(turns, s.turns(run)...)
	}
	if len(turns) == 0 {
		return nil, errors.New("nothing to measure: kill and rolling are for the hub, with two nodes or more")
	}
	began := time.Now()
	for done, t := range turns {
		left := time.Since(began) / time.Duration(max(done, 1)) * time.Duration(len(turns)-done)
		fmt.Fprintf(progress, "[%d of %d, about %v left] %v\n", done+1, len(turns), left.Round(time.Second), t)
		measure := s.measureLoad
		if t.work.kind != kindLoad {
			measure = s.measureReturn
		}
		r, err := measure(t)
		if r.turn, r.Err = t, err; err != nil {
			fmt.Fprintln(progress, "failed:", err)
		}
		all = append(all, r)
	}
	return all, nil
}

// build makes the executables that are needed.
func (s settings) build(progress io.Writer) error {
	fmt.Fprintln(progress, "building")
	if slices.Contains(s.engines, engineRedis) {
		if _, err := exec.LookPath("redis-server"); err != nil {
			return fmt.Errorf("-engines redis: %w: install it, or leave redis out", err)
		}
	}
	if slices.Contains(s.engines, engineNATS) {
		if err := buildNATS(s.root, s.binaries); err != nil {
			return err
		}
	}
	if slices.Contains(s.servers, serverHub) {
		if _, err := server.Build(s.root, s.binaries, "cmd/spokehub"); err != nil {
			return err
		}
	}
	if slices.Contains(s.servers, serverCentrifuge) {
		_, err := server.Output(filepath.Join(s.root, "bench", "cluster"), "go", "build", "-o", s.binaries+"/", "./centrifuge")
		return err
	}
	return nil
}
