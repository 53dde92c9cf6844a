//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spokehub/spokehub/bench/load"
)

// finding is one run of one workload against one server.
type finding struct {
	At      time.Time     `json:"at"`
	Command string        `json:"command"`
	Server  string        `json:"server"`
	Version string        `json:"version"`
	Label   string        `json:"label"`
	Name    string        `json:"name"`
	Run     int           `json:"run"`
	Metrics []load.Metric `json:"metrics"`
	Notes   []string      `json:"notes,omitempty"`
	Failed  bool          `json:"failed,omitempty"`
	Error   string        `json:"error,omitempty"`
}

func newFinding(command string, w load.Workload, target *load.Target, run int, result load.Result, err error) finding {
	f := finding{
		At: time.Now(), Command: command, Server: target.Name, Version: target.Version, Label: w.Label, Name: w.Name(), Run: run,
		Metrics: result.Metrics, Notes: result.Notes, Failed: result.Failed,
	}
	if err != nil {
		f.Error = err.Error()
		fmt.Fprintln(os.Stderr, "failed:", err)
	}
	return f
}

func appendFinding(path string, f finding) error {
	line, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("encode a finding: %w", err)
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("store a finding: %w", err)
	}
	defer file.Close()
	if _, err := file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("store a finding: %w", err)
	}
	return nil
}

// findings are all runs, in the order in which they were made.
type findings []finding

func loadFindings(path string) (all findings, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the findings: %w", err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var f finding
		if err := json.Unmarshal(lines.Bytes(), &f); err != nil {
			return nil, fmt.Errorf("read the findings of %s: %w", path, err)
		}
		all = append(all, f)
	}
	return all, lines.Err()
}

// distinct lists the different values of a field, in order.
func (all findings) distinct(field func(finding) string) (values []string) {
	for _, f := range all {
		if value := field(f); !slices.Contains(values, value) {
			values = append(values, value)
		}
	}
	return values
}

// servers lists who was measured, the hub, its baseline and Bun first.
func (all findings) servers() []string {
	names := all.distinct(func(f finding) string { return f.Server })
	rank := []string{"gobwas", "gorilla", "nbio", "gws", "centrifuge", "nats", "bun", baseline, "hub"}
	slices.SortFunc(names, func(a, b string) int { return slices.Index(rank, b) - slices.Index(rank, a) })
	return names
}

// version is that of the server's last run.
func (all findings) version(server string) (version string) {
	for _, f := range all {
		if f.Server == server {
			version = f.Version
		}
	}
	return version
}

// spread is what the runs of one server gave for one metric.
type spread struct {
	low, median, high float64
	runs              int
}

// spread ignores runs that failed.
func (all findings) spread(server, name, metric string) (s spread, found bool) {
	var values []float64
	for _, f := range all {
		if f.Server != server || f.Name != name || f.Failed || f.Error != "" {
			continue
		}
		if value, has := (&load.Result{Metrics: f.Metrics}).Value(metric); has {
			values = append(values, value)
		}
	}
	if len(values) == 0 {
		return spread{}, false
	}
	slices.Sort(values)
	middle := (values[(len(values)-1)/2] + values[len(values)/2]) / 2
	return spread{low: values[0], median: middle, high: values[len(values)-1], runs: len(values)}, true
}
