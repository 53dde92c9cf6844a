//go:build linux

package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spokehub/spokehub/bench/load"
	"github.com/spokehub/spokehub/bench/swarm"
)

// comparison is what the flags say.
type comparison struct {
	root, out, data string
	command         string
	servers         []string
	workloads       []string
	hubFlags        []string
	runs            int
	render          bool
	settings        load.Settings
	sizes           load.Sizes
}

const usage = `Usage: peers [flags]
       peers serve NAME | version NAME

Measures the hub and its peers in turns: for each workload, and so many times, each server after the other. Every finding is
appended to -data at once; in the end RESULTS.md and results.html are written to -out from all that -data holds.
`

func parseFlags(arguments []string) (comparison, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return comparison{}, fmt.Errorf("find a place for the findings: %w", err)
	}
	var c comparison
	flags := flag.NewFlagSet("peers", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	everybody := strings.Join(append([]string{"hub", "bun"}, load.PeerNames...), ",")
	servers := flags.String("servers", everybody, "who is measured, separated by commas")
	workloads := flags.String("workloads", "", "labels of workloads, separated by commas, such as saturate,idle (empty: all)")
	hubFlags := flags.String("server-flags", "", "further flags for spokehub serve, separated by spaces")
	flags.IntVar(&c.runs, "runs", 3, "how often everything is measured; tables show medians")
	flags.StringVar(&c.root, "root", filepath.Join("..", ".."), "directory of the hub's module")
	flags.StringVar(&c.out, "out", "..", "directory for RESULTS.md and results.html")
	flags.StringVar(&c.data, "data", filepath.Join(cache, "spokehub-bench", "findings.jsonl"), "file for the findings, one JSON line a run")
	flags.BoolVar(&c.render, "render", false, "measure nothing, only write what -data holds")
	flags.BoolVar(&c.settings.Short, "short", false, "one quick pass with fewer spokes where they only cost time")
	flags.DurationVar(&c.settings.Duration, "duration", 0, "how long each workload is measured (0: 5s, or 1.5s with -short)")
	flags.DurationVar(&c.settings.Warmup, "warmup", 0, "how long it runs before (0: a fifth of that)")
	flags.IntVar(&c.settings.ServerCores, "server-cores", 0, "cores for the server (0: two, or one on a machine of three or fewer)")
	flags.IntVar(&c.settings.Clients, "clients", 0, "client processes (0: one for each core that is left)")
	flags.IntVar(&c.sizes.Spokes, "spokes", 0, "spokes of every workload (0: as each has by itself)")
	flags.IntVar(&c.sizes.Payload, "payload", 0, "bytes of an envelope (0: as each workload has by itself)")
	keep := flags.Bool("keep", false, "keep the findings that -data holds already; else they are moved aside")
	if err := flags.Parse(arguments); err != nil {
		return comparison{}, err
	}
	if flags.NArg() > 0 {
		return comparison{}, fmt.Errorf("unknown argument %q (see -help)", flags.Arg(0))
	}
	c.command = repeatable(flags)
	c.servers, c.hubFlags = strings.Split(*servers, ","), strings.Fields(*hubFlags)
	if *workloads != "" {
		c.workloads = strings.Split(*workloads, ",")
	}
	c.settings.Progress = os.Stderr
	if !*keep && !c.render {
		err = setAside(c.data)
	}
	return c, err
}

// repeatable is the command that measures the same again: without the flags that name places on this machine.
func repeatable(flags *flag.FlagSet) string {
	words := []string{"cd bench/peers && go run ."}
	flags.Visit(func(f *flag.Flag) {
		if !slices.Contains([]string{"root", "out", "data", "keep", "render"}, f.Name) {
			words = append(words, fmt.Sprintf("-%s %s", f.Name, f.Value))
		}
	})
	return strings.Join(words, " ")
}

// setAside renames earlier findings, so that nothing is lost and nothing is mixed.
func setAside(path string) error {
	if _, err := os.Stat(path); err != nil {
		return os.MkdirAll(filepath.Dir(path), 0o755)
	}
	return os.Rename(path, path+"."+time.Now().Format("20060102-150405"))
}

func compare(arguments []string) error {
	c, err := parseFlags(arguments)
	if err != nil {
		return err
	}
	if !c.render {
		if err := c.measure(); err != nil {
			return err
		}
	}
	findings, err := loadFindings(c.data)
	if err != nil {
		return err
	}
	return c.write(findings)
}

// measure runs everything in turns. A run that fails is a finding too.
func (c comparison) measure() error {
	directory, err := os.MkdirTemp("", "spokehub-peers-")
	if err != nil {
		return fmt.Errorf("make a place for executables: %w", err)
	}
	defer os.RemoveAll(directory)
	targets, err := c.targets(directory)
	if err != nil {
		return err
	}
	cases := c.cases()
	total := len(cases) * c.runs * len(targets)
	began := time.Now()
	done := 0
	for _, one := range cases {
		for run := range c.runs {
			for _, target := range inTurn(targets, run) {
				if done > 0 {
					left := time.Since(began) / time.Duration(done) * time.Duration(total-done)
					fmt.Fprintf(os.Stderr, "[%d of %d, about %v left] ", done+1, total, left.Round(time.Second))
				}
				fmt.Fprintf(os.Stderr, "%s: %s\n", one.Name(), target.Name())
				result, err := load.Run(c.settings, target, one)
				if err := appendFinding(c.data, newFinding(c.command, one, target, run, result, err)); err != nil {
					return err
				}
				done++
			}
		}
	}
	return nil
}

// inTurn has another server begin in each run, so that none always follows the same one.
func inTurn(targets []load.Target, run int) []load.Target {
	first := run % len(targets)
	return append(slices.Clone(targets[first:]), targets[:first]...)
}

func (c comparison) cases() (chosen []load.Case) {
	sizes := c.sizes
	if limit, err := swarm.RaiseFileLimit(); err == nil {
		var note string
		if sizes, note = sizes.Fit(limit); note != "" {
			fmt.Fprintln(os.Stderr, note)
		}
	}
	for _, one := range load.Suite(sizes, c.settings.Short) {
		if len(c.workloads) == 0 || slices.Contains(c.workloads, one.Label) {
			chosen = append(chosen, one)
		}
	}
	return chosen
}

func (c comparison) targets(directory string) (targets []load.Target, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this executable: %w", err)
	}
	for _, name := range c.servers {
		var target load.Target
		switch name {
		case "hub":
			target, err = load.BuildHub(c.root, directory, c.hubFlags)
		case "bun":
			target, err = load.FindBun(os.Stderr)
		default:
			target, err = load.NewPeer(name, self)
		}
		if err != nil {
			return nil, err
		}
		targets = append(targets, target)
	}
	return targets, nil
}
