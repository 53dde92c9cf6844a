//go:build linux

// Command peers measures the hub and its peers, or two builds of the hub, in turns, on the same machine and in the same minutes, and makes a
// table of the results, on demand a page with bars too. It also is the peers: `peers serve gorilla` runs one.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spokehub/spokehub/bench/load"
	"github.com/spokehub/spokehub/bench/peers/servers"
	"github.com/spokehub/spokehub/bench/swarm"
)

func main() {
	swarm.RunIfChild()
	switch err := run(os.Args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) > 1 && arguments[0] == "serve" {
		return servers.Serve(arguments[1], os.Stdout, arguments[2:]...)
	}
	if len(arguments) == 2 && arguments[0] == "version" {
		version, err := servers.Version(arguments[1])
		if err == nil {
			fmt.Println(version)
		}
		return err
	}
	return compare(arguments)
}

// comparison is what the flags ask for.
type comparison struct {
	root, out, html, data string
	// command measures the same again.
	command, baseline  string
	servers, workloads []string
	hubFlags           []string
	runs               int
	settings           load.Settings
	sizes              load.Sizes
}

const usage = `Usage: peers [flags]
       peers serve NAME [CERTIFICATE KEY] | version NAME

Measures the hub and its peers in turns: for each workload, and so many times, each server after the other. Every finding is
appended to -data at once; at the end a table of all that -data holds is printed, and written to -out as RESULTS.md.

With -baseline it measures the hub and an earlier build of it, and marks the rows in which the hub is worse:

    go run . -baseline 5a497da -runs 5

`

func parseFlags(arguments []string) (c comparison, render bool, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return c, false, fmt.Errorf("find a place for the findings: %w", err)
	}
	flags := flag.NewFlagSet("peers", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	servers := flags.String("servers", "", "who is measured, of "+strings.Join(known(), ",")+" (empty: all that can be had but "+load.HubIdentity+", hubs with policies and those with "+load.SecureSuffix+", or with -baseline the hub alone)")
	workloads := flags.String("workloads", "", "labels of workloads, separated by commas, of "+strings.Join(load.Labels(), ",")+" (empty: all)")
	hubFlags := flags.String("server-flags", "", "further flags for spokehub serve, separated by spaces")
	flags.StringVar(&c.baseline, "baseline", "", "another build of the hub to measure: a git revision, the root of a checkout, or an executable")
	flags.IntVar(&c.runs, "runs", 3, "how often everything is measured; tables show medians")
	flags.StringVar(&c.root, "root", filepath.Join("..", ".."), "directory of the hub's module")
	flags.StringVar(&c.out, "out", "..", "directory for RESULTS.md (default with -baseline: none)")
	flags.StringVar(&c.html, "html", "", "file for a page with the table and bars, such as results.html (empty: none)")
	flags.StringVar(&c.data, "data", filepath.Join(cache, "spokehub-bench", "findings.jsonl"), "file for the findings, one JSON line a run")
	flags.BoolVar(&render, "render", false, "measure nothing, only show what -data holds")
	flags.BoolVar(&c.settings.Short, "short", false, "one quick pass with fewer spokes where they only cost time")
	flags.DurationVar(&c.settings.Duration, "duration", 0, "how long each workload is measured (0: 5s, or 1.5s with -short)")
	flags.DurationVar(&c.settings.Warmup, "warmup", 0, "how long it runs before (0: a fifth of that)")
	flags.StringVar(&c.settings.Profile, "profile", "", "directory for a CPU profile of the hub for each workload, and of its heap for idle (empty: none)")
	flags.IntVar(&c.settings.ServerCores, "server-cores", 0, "cores for the server (0: two, or one on a machine of three or fewer); clients get the others")
	flags.IntVar(&c.settings.Clients, "clients", 0, "client processes (0: one for each core that is left)")
	flags.IntVar(&c.sizes.Spokes, "spokes", 0, "spokes of every workload (0: as each has by itself)")
	flags.IntVar(&c.sizes.Payload, "payload", 0, "bytes of an envelope (0: as each workload has by itself)")
	keep := flags.Bool("keep", false, "keep the findings that -data holds already; else they are moved aside")
	if err := flags.Parse(arguments); err != nil {
		return c, false, err
	}
	if flags.NArg() > 0 {
		return c, false, fmt.Errorf("unknown argument %q (see -help)", flags.Arg(0))
	}
	c.command = repeatable(flags)
	comma := func(r rune) bool { return r == ',' }
	c.servers, c.workloads, c.hubFlags = strings.FieldsFunc(*servers, comma), strings.FieldsFunc(*workloads, comma), strings.Fields(*hubFlags)
	outGiven := false
	flags.Visit(func(f *flag.Flag) { outGiven = outGiven || f.Name == "out" })
	if c.baseline != "" && !outGiven {
		c.out = ""
	}
	c.settings.Progress = os.Stderr
	if err := errors.Join(c.checkServers(), c.checkWorkloads()); err != nil {
		return c, false, err
	}
	if !*keep && !render {
		err = setAside(c.data)
	}
	return c, render, err
}

func everybody() []string { return append([]string{"hub", "bun"}, load.PeerNames...) }

// known are all servers that can be asked for by name.
func known() []string {
	return slices.Concat(everybody(), []string{load.HubIdentity}, load.PolicyNames, load.SecureNames)
}

// checkServers refuses a name that no server has.
func (c comparison) checkServers() error {
	for _, name := range c.servers {
		if !slices.Contains(known(), name) {
			return fmt.Errorf("-servers: there is no %q: say some of %s", name, strings.Join(known(), ", "))
		}
	}
	return nil
}

// checkWorkloads refuses a label that no workload has.
func (c comparison) checkWorkloads() error {
	for _, label := range c.workloads {
		if !slices.Contains(load.Labels(), label) {
			return fmt.Errorf("-workloads: there is no %q: say some of %s", label, strings.Join(load.Labels(), ", "))
		}
	}
	return nil
}

// repeatable is the command that measures the same again: without the flags that name places on this machine.
func repeatable(flags *flag.FlagSet) string {
	parts := []string{"cd bench/peers && go run ."}
	flags.Visit(func(f *flag.Flag) {
		if !slices.Contains([]string{"root", "out", "html", "data", "keep", "render", "profile"}, f.Name) {
			parts = append(parts, strings.TrimSuffix(fmt.Sprintf("-%s %s", f.Name, f.Value), " true"))
		}
	})
	return strings.Join(parts, " ")
}

// setAside renames earlier findings, so that nothing is lost or mixed.
func setAside(path string) error {
	if _, err := os.Stat(path); err != nil {
		return os.MkdirAll(filepath.Dir(path), 0o755)
	}
	return os.Rename(path, path+"."+time.Now().Format("20060102-150405"))
}

func compare(arguments []string) error {
	c, render, err := parseFlags(arguments)
	if err != nil {
		return err
	}
	if !render {
		if err := c.measure(); err != nil {
			return err
		}
	}
	all, err := loadFindings(c.data)
	if err != nil {
		return err
	}
	return c.write(all)
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
	workloads := c.suite()
	measured := false
	began, done, total := time.Now(), 0, len(workloads)*c.runs*len(targets)
	for _, w := range workloads {
		for run := range c.runs {
			for _, target := range inTurn(targets, run) {
				if done++; !w.Suits(target) {
					continue
				}
				left := time.Since(began) / time.Duration(done) * time.Duration(total-done+1)
				fmt.Fprintf(os.Stderr, "[%d of %d, about %v left] %s: %s\n", done, total, left.Round(time.Second), w.Name(), target.Name)
				measured = true
				result, err := load.Run(c.settings, target, w)
				f := finding{time.Now(), c.command, target.Name, target.Version, w.Label, w.Name(), run, result, ""}
				if err != nil {
					f.Error = err.Error()
					fmt.Fprintln(os.Stderr, "failed:", err)
				}
				if err := appendFinding(c.data, f); err != nil {
					return err
				}
			}
		}
	}
	if !measured {
		return errNothing
	}
	return nil
}

var errNothing = errors.New("nothing was measured: none of the workloads suits any of the servers, or there were no runs")

// inTurn has another server begin in each run, so that none always follows the same one.
func inTurn(targets []*load.Target, run int) []*load.Target {
	first := run % len(targets)
	return append(slices.Clone(targets[first:]), targets[:first]...)
}

func (c comparison) suite() []load.Workload {
	sizes := c.sizes
	if limit, err := swarm.RaiseFileLimit(); err == nil {
		var note string
		if sizes, note = sizes.Fit(limit); note != "" {
			fmt.Fprintln(os.Stderr, note)
		}
	}
	return slices.DeleteFunc(load.Suite(sizes, c.settings.Short), func(w load.Workload) bool {
		return len(c.workloads) > 0 && !slices.Contains(c.workloads, w.Label)
	})
}
