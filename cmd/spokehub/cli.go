package main

import (
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// envPrefix begins the name of every flag's environment variable.
const envPrefix = "SPOKEHUB"

// commandLine is the grammar that kong parses. Its tags are what --help prints.
type commandLine struct {
	Serve   serveFlags `cmd:"" help:"Serve WebSocket clients until a signal asks for an end."`
	Token   tokenFlags `cmd:"" help:"Make and read tokens of clients, and keys."`
	Version struct{}   `cmd:"" help:"Print the version, the commit and the Go release that built it."`
}

// flagGroups are the headings of serve's flags in --help.
var flagGroups = kong.Groups{
	"address":  "Addresses:",
	"events":   "Events and their sizes:",
	"limits":   "Limits for all clients together:",
	"client":   "Limits for each client, enforced with a reject or a close code:",
	"source":   "Limits for each source address:",
	"browser":  "Handshakes, and what protects them from strange pages:",
	"identity": "Identity: who clients are, and what they may do:",
	"deadline": "Deadlines:",
	"drain":    "Draining on SIGTERM, SIGINT or SIGHUP; a second signal ends the process at once with exit code 1:",
	"engine":   "Reactors and workers:",
	"log":      "Logs, on standard output:",
}

// parseCommandLine returns the command that the arguments ask for. --help prints
// to stdout and exits with 0.
func parseCommandLine(args []string, stdout, stderr io.Writer) (func(stdout io.Writer) error, error) {
	var line commandLine
	parser, err := kong.New(&line,
		kong.Name("spokehub"),
		kong.Description("A WebSocket fan-out hub: clients subscribe to topics and receive the events published to them."),
		kong.DefaultEnvars(envPrefix),
		kong.Writers(stdout, stderr),
		flagGroups,
		kong.KindMapper(reflect.Int, kong.MapperFunc(decodeInt)),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(decodeTime)),
		kong.ConfigureHelp(kong.HelpOptions{WrapUpperBound: 110, FlagsLast: true}),
	)
	if err != nil {
		return nil, fmt.Errorf("build the command line parser: %w", err)
	}
	for _, command := range parser.Model.Children {
		dropEmptyVariables(command.Flags)
	}
	context, err := parser.Parse(joinNegatives(args))
	if err != nil {
		return nil, usageError{err}
	}
	if context.Command() == "version" {
		return printVersion, nil
	}
	if command, isToken := line.Token.run(context.Command()); isToken {
		return command, nil
	}
	if err := line.Serve.check(); err != nil {
		return nil, usageError{err}
	}
	unknown := unknownVariables(context.Selected().Flags, os.Environ())
	return func(stdout io.Writer) error { return serve(line.Serve, unknown, stdout) }, nil
}

// unknownVariables returns the SPOKEHUB_* variables that no flag reads, except
// those that Kubernetes sets for a service named spokehub.
func unknownVariables(flags []*kong.Flag, environ []string) []string {
	var unknown []string
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, envPrefix+"_") ||
			strings.HasPrefix(name, envPrefix+"_SERVICE_") ||
			strings.HasPrefix(name, envPrefix+"_PORT") {
			continue
		}
		reads := func(flag *kong.Flag) bool { return slices.Contains(flag.Envs, name) }
		if !slices.ContainsFunc(flags, reads) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	return unknown
}
