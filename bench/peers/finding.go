//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spokehub/spokehub/bench/load"
)

// finding is one run of one workload against one server.
type finding struct {
	At                                    time.Time
	Command, Server, Version, Label, Name string
	Run                                   int
	load.Result
	Error string
}

func appendFinding(path string, f finding) error {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("store a finding: %w", err)
	}
	defer file.Close()
	return json.NewEncoder(file).Encode(f)
}

// findings are all runs, in the order in which they were made.
type findings []finding

func loadFindings(path string) (all findings, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the findings: %w", err)
	}
	defer file.Close()
	for lines := json.NewDecoder(file); ; {
		var f finding
		if err := lines.Decode(&f); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("read the findings of %s: %w", path, err)
		}
		all = append(all, f)
	}
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

// of are the findings of these servers.
func (all findings) of(servers []string) (some findings) {
	for _, f := range all {
		if slices.Contains(servers, f.Server) {
			some = append(some, f)
		}
	}
	return some
}

// servers lists who was measured, the hub, its baseline and Bun first.
func (all findings) servers() []string {
	names := all.distinct(func(f finding) string { return f.Server })
	rank := []string{"gobwas", "gorilla", "nbio", "gws", "centrifuge", "nats", "bun", baseline, "hub"}
	slices.SortFunc(names, func(a, b string) int {
		a, b = strings.TrimSuffix(a, load.SecureSuffix), strings.TrimSuffix(b, load.SecureSuffix)
		return slices.Index(rank, b) - slices.Index(rank, a)
	})
	return names
}

// spread is what the runs of one server gave for one metric; nothing was measured if there is none.
type spread struct {
	low, median, high float64
	runs              int
}

// spread ignores runs that failed.
func (all findings) spread(server, name, metric string) spread {
	var values []float64
	for _, f := range all {
		value, measured := f.Value(metric)
		if measured && f.Server == server && f.Name == name && !f.Failed && f.Error == "" {
			values = append(values, value)
		}
	}
	if len(values) == 0 {
		return spread{}
	}
	slices.Sort(values)
	middle := (values[(len(values)-1)/2] + values[len(values)/2]) / 2
	return spread{low: values[0], median: middle, high: values[len(values)-1], runs: len(values)}
}
