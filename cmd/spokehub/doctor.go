package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"slices"

	"github.com/spokehub/spokehub/internal/doctor"
)

// doctorCommand is spokehub doctor.
type doctorCommand struct {
	Spokes uint64 `group:"output" default:"100000" env:"-" placeholder:"N" help:"How many spokes the machine is to take. (default ${default})"`
	JSON   bool   `name:"json" group:"output" env:"-" help:"Print the report as JSON. (default false)"`
	serveFlags
}

// Help is what spokehub doctor --help prints before the flags.
func (doctorCommand) Help() string {
	return `Say how many clients this machine takes, which of its limits is hit first, and what raises those that are too low:

    spokehub doctor
    spokehub doctor --spokes 500000 --config /etc/spokehub.conf --json

It reads the limits of the process, of its cgroups and of the kernel, and changes nothing. Run it as the user and in the container or unit that
the hub will run in, with the flags of spokehub serve. The exit code is 0 if there is room for --spokes, and 1 if there is not.`
}

// errTooFew is the end of a report that says what is too low.
var errTooFew = codedError{errors.New(""), exitFailure}

// maxAskedSpokes is more than any machine takes, and little enough that what so many need is a number that the kernel knows.
const maxAskedSpokes = 1_000_000_000

// runDoctor prints what limits a hub with these flags on this machine.
func runDoctor(s *settings, stdout io.Writer) error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("doctor: it reads the limits of Linux, and this is %s: run it on the machine of the hub", runtime.GOOS)
	}
	asked := &s.line.Doctor
	if asked.Spokes < 1 || asked.Spokes > maxAskedSpokes {
		return usageError{fmt.Errorf("--spokes: got %d, want 1 to %d", asked.Spokes, maxAskedSpokes)}
	}
	source, err := takeMemoryLimit()
	if err != nil {
		fmt.Fprintf(os.Stderr, "spokehub: warning: %v\n", err)
	}
	report := doctor.Examine(readMachine(source), s.flags.plan(asked.Spokes))
	if asked.JSON {
		text, err := json.MarshalIndent(report, "", "  ")
		if err != nil {
			return fmt.Errorf("doctor: write the report: %w", err)
		}
		text = append(text, '\n')
		_, err = stdout.Write(text)
		if err != nil {
			return err
		}
	} else if err := report.WriteText(stdout); err != nil {
		return err
	}
	if !report.Enough {
		return errTooFew
	}
	return nil
}

// plan is what the flags ask of a machine.
func (f *serveFlags) plan(spokes uint64) doctor.Plan {
	return doctor.Plan{
		Spokes:         spokes,
		MaxConnections: uint64(f.MaxConnections),
		TLS:            slices.ContainsFunc(f.Listen, f.speaksTLS),
		MemoryBudget:   uint64(f.MemoryBudget),
		QueueLimit:     uint64(f.QueueLimit),
		SendBuffer:     uint64(f.SendBuffer),
	}
}

// speaksTLS reports whether an address of --listen speaks TLS.
func (f *serveFlags) speaksTLS(listen string) bool {
	address, err := parseListen(listen)
	if err != nil {
		return false
	}
	_, speaks := f.tlsOf(address)
	return speaks
}

// readMachine reads the limits of this machine and process.
func readMachine(source memoryLimitSource) doctor.Machine {
	process := doctor.Process{
		Files: fileLimit(), FilesHard: hardFileLimit(),
		FromCgroup: source == limitFromCgroup, Procs: runtime.GOMAXPROCS(0), Page: uint64(os.Getpagesize()),
	}
	if limit := debug.SetMemoryLimit(-1); limit != math.MaxInt64 {
		process.GoLimit = uint64(limit)
	}
	return doctor.Read(os.DirFS("/"), process)
}

// logLimits says how many spokes the machine takes, and warns if --max-connections is more than that. The file limit has a warning of its own.
func (s *service) logLimits(source memoryLimitSource) {
	if runtime.GOOS != "linux" {
		return
	}
	plan := s.flags.plan(uint64(s.flags.MaxConnections))
	plan.MaxConnections = 0
	report := doctor.Examine(readMachine(source), plan)
	if report.First == "" {
		s.logger.Info("limits of this machine: none that bounds the number of spokes was found", "gomemlimit_from", string(source))
		return
	}
	s.logger.Info("limits of this machine", "spokes_possible", report.Spokes, "hit_first", report.First, "gomemlimit_from", string(source))
	if !report.Enough && report.First != "RLIMIT_NOFILE" {
		s.logger.Warn("the machine takes fewer clients than --max-connections: spokehub doctor says what raises that",
			"max_connections", s.flags.MaxConnections, "spokes_possible", report.Spokes, "hit_first", report.First)
	}
}
