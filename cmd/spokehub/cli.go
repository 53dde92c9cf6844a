package main

import (
	"errors"
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
	Serve       serveCommand   `cmd:"" help:"Serve WebSocket clients until a signal asks for an end."`
	Config      configCommands `cmd:"" help:"Check, print, or begin a configuration file."`
	Token       tokenFlags     `cmd:"" help:"Make and read tokens of clients, and keys."`
	Sub         subCommand     `cmd:"" help:"Subscribe to topics and print their events."`
	Pub         pubCommand     `cmd:"" help:"Publish events."`
	Check       probeCommand   `cmd:"" help:"Go the way of a client to a hub, and say what is wrong where."`
	Health      healthCommand  `cmd:"" help:"Ask the hub on this machine whether it takes clients, for the health check of a container."`
	Bench       benchCommand   `cmd:"" help:"Load a hub from outside, and say how long events take and whether one is lost."`
	Doctor      doctorCommand  `cmd:"" help:"Say how many clients this machine takes, which limit is hit first, and what raises it."`
	Top         topCommand     `cmd:"" help:"Watch a hub in a terminal."`
	Completion  completion     `cmd:"" help:"Print the completions for a shell."`
	Man         man            `cmd:"" help:"Print the manual page of spokehub, or of one of its commands."`
	Complete    complete       `cmd:"" name:"__complete" hidden:"" passthrough:"" help:"Print what may stand behind the words of a command line."`
	Version     struct{}       `cmd:"" help:"Print the version, the commit, its date and the Go release that built it."`
	ShowVersion versionFlag    `name:"version" env:"-" help:"Print the version and exit."`
}

// serveCommand is spokehub serve.
type serveCommand struct {
	serveFlags
}

// configCommands are the commands below spokehub config.
type configCommands struct {
	Check   checkCommand `cmd:"" help:"Say what is wrong with a configuration file, or with the flags and variables of spokehub serve."`
	Print   printCommand `cmd:"" help:"Print the configuration that spokehub serve would have with these flags and variables, and where each value comes from."`
	Example struct{}     `cmd:"" help:"Print a configuration file with every key, its default and what it does."`
}

// checkCommand is spokehub config check.
type checkCommand struct {
	File string `arg:"" optional:"" help:"The configuration file, instead of --config."`
	serveFlags
}

// printCommand is spokehub config print.
type printCommand struct {
	serveFlags
}

// client returns the command of a client that was selected, or reports that none of these was.
func (l *commandLine) client(command string) (func(stdout io.Writer) error, bool) {
	switch name, _, _ := strings.Cut(command, " "); name {
	case "sub":
		return l.Sub.run, true
	case "pub":
		return func(stdout io.Writer) error { return l.Pub.run(os.Stdin, os.Stderr) }, true
	case "check":
		return l.Check.run, true
	case "health":
		return l.Health.run, true
	case "bench":
		return func(stdout io.Writer) error { return l.Bench.run(stdout, os.Stderr) }, true
	case "top":
		return l.Top.run, true
	case "completion":
		return l.Completion.run, true
	case "man":
		return l.Man.run, true
	case "__complete":
		return l.Complete.run, true
	}
	return nil, false
}

// versionFlag is --version.
type versionFlag bool

// BeforeReset prints the version and ends the process, ahead of any complaint about what is missing.
func (versionFlag) BeforeReset(app *kong.Kong) error {
	err := printVersion(app.Stdout)
	app.Exit(exitOK)
	return err
}

// flagGroups are the headings of serve's flags in --help.
var flagGroups = kong.Groups{
	"hub":      "The hub, and who you are:",
	"output":   "What is printed, and when it ends:",
	"input":    "What is published:",
	"load":     "The load:",
	"address":  "Addresses, and the configuration file:",
	"events":   "Events and their sizes:",
	"limits":   "Limits for all clients together:",
	"client":   "Limits for each client, enforced with a reject or a close code:",
	"source":   "Limits for each source address:",
	"browser":  "Handshakes, and what protects them from strange pages:",
	"tls":      "TLS at the public addresses:",
	"cluster":  "Several hubs as one, over a broker:",
	"identity": "Identity: who clients are, and what they may do:",
	"deadline": "Deadlines:",
	"drain":    "Draining on SIGTERM or SIGINT; a second signal ends the process at once with exit code 1:",
	"engine":   "Reactors and workers:",
	"log":      "Logs, on standard output:",
}

// newParser builds the parser of a command line.
func newParser(line *commandLine, stdout, stderr io.Writer) (*kong.Kong, error) {
	parser, err := kong.New(line,
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
	return parser, nil
}

// parseCommandLine returns the command that the arguments ask for. --help prints
// to stdout and exits with 0.
func parseCommandLine(args []string, stdout, stderr io.Writer) (func(stdout io.Writer) error, error) {
	args = joinNegatives(withHelp(args))
	s, err := parseSettings(args, configPath(args), stdout, stderr)
	if err != nil {
		return nil, err
	}
	switch s.command {
	case "version":
		return printVersion, nil
	case "config example":
		return func(stdout io.Writer) error { return printExample(stdout, s.model) }, nil
	case "config print":
		return func(stdout io.Writer) error { return s.sources.explained(s.print(stdout)) }, nil
	case "config check", "config check <file>":
		return func(stdout io.Writer) error { return s.sources.explained(s.printChecked(stdout)) }, nil
	case "doctor":
		return func(stdout io.Writer) error { return runDoctor(s, stdout) }, nil
	case "serve":
		return func(stdout io.Writer) error { return s.sources.explained(serve(s, stdout)) }, nil
	}
	if command, isToken := s.line.Token.run(s.command); isToken {
		return command, nil
	}
	if command, isClient := s.line.client(s.command); isClient {
		return command, nil
	}
	return nil, usageError{fmt.Errorf("unexpected command %s", s.command)}
}

// withHelp reads "spokehub" as "spokehub --help", and "spokehub help serve" as "spokehub serve --help".
func withHelp(args []string) []string {
	switch {
	case len(args) == 0:
		return []string{"--help"}
	case args[0] == "help":
		return append(slices.Clone(args[1:]), "--help")
	}
	return args
}

// configPath is the file that --config or its variable names, or "".
func configPath(args []string) string {
	path := os.Getenv(envPrefix + "_CONFIG")
	for i, arg := range args {
		if value, found := strings.CutPrefix(arg, "--config="); found {
			path = value
		} else if arg == "--config" && i+1 < len(args) {
			path = args[i+1]
		}
	}
	return path
}

// settings are the command line, the environment and the file, put together: a flag is ahead of its variable, which is ahead of the
// file, which is ahead of the default. They never change.
type settings struct {
	// line is all that was parsed, and command what of it was asked for.
	line    *commandLine
	command string
	args    []string
	// flags are those of spokehub serve. They have been checked if the command has them.
	flags *serveFlags
	// model has every flag of spokehub serve with its value.
	model   []*kong.Flag
	sources sources
	// unknown are the SPOKEHUB_* variables that no flag reads.
	unknown []string
}

// parseSettings puts the arguments, the environment and the file together and checks them. All that is wrong is in the error.
func parseSettings(args []string, path string, stdout, stderr io.Writer) (*settings, error) {
	var line commandLine
	parser, err := newParser(&line, stdout, stderr)
	if err != nil {
		return nil, err
	}
	commands := commandsWithFlags(parser)
	for _, flags := range commands {
		dropEmptyVariables(flags)
	}
	s := &settings{line: &line, args: args, sources: sources{args: args}, flags: &line.Serve.serveFlags, model: commands["serve"]}
	if path != "" {
		s.sources.file = readConfigFile(path, s.model)
		for _, flags := range commands {
			s.sources.file.setDefaults(flags)
		}
	}
	context, err := parser.Parse(args)
	if err != nil {
		return nil, usageError{s.sources.explained(errors.Join(append(s.sources.fileMistakes(), err)...))}
	}
	s.command = context.Command()
	switch s.command {
	case "serve":
	case "config check", "config check <file>":
		if file := line.Config.Check.File; file != "" && file != path {
			return parseSettings(args, file, stdout, stderr)
		}
		s.flags, s.model = &line.Config.Check.serveFlags, commands["check"]
	case "config print":
		s.flags, s.model = &line.Config.Print.serveFlags, commands["print"]
	case "doctor":
		s.flags, s.model = &line.Doctor.serveFlags, commands["doctor"]
	default:
		return s, nil
	}
	s.unknown = unknownVariables(context.Selected().Flags, os.Environ())
	mistakes := append(s.sources.fileMistakes(), emptyFlags(args)...)
	if s.sources.file != nil {
		s.flags.TopicRules, s.flags.Policies = s.sources.file.topics, s.sources.file.policies
	}
	mistakes = append(mistakes, s.checkPolicies()...)
	s.flags.ClientCertificates = s.flags.hasClientCAs()
	if mistakes = append(mistakes, s.flags.check()...); len(mistakes) == 0 {
		mistakes = s.checkHub()
	}
	if len(mistakes) > 0 {
		return nil, usageError{s.sources.explained(errors.Join(mistakes...))}
	}
	return s, nil
}

// checkHub asks package fanout what it would find wrong.
func (s *settings) checkHub() []error {
	checked := &service{flags: *s.flags, onLoopback: s.flags.isOnLoopback()}
	config, err := checked.hubConfig()
	if err != nil {
		return []error{err}
	}
	if err := config.Check(); err != nil {
		return []error{flagError(err)}
	}
	mistakes, _ := s.flags.checkCertificates()
	if err := s.flags.checkFiles(s.flags.Origins); err != nil {
		mistakes = append([]error{err}, mistakes...)
	}
	return mistakes
}

// commandsWithFlags are the flags of each command that takes those of spokehub serve, by the command's name.
func commandsWithFlags(parser *kong.Kong) map[string][]*kong.Flag {
	found := map[string][]*kong.Flag{}
	for _, leaf := range parser.Model.Leaves(false) {
		if slices.ContainsFunc(leaf.Flags, func(f *kong.Flag) bool { return f.Name == "config" }) {
			found[leaf.Name] = leaf.Flags
		}
	}
	return found
}

// unknownVariables returns the SPOKEHUB_* variables that no flag reads, except those of the commands that connect to a hub, and
// those that Kubernetes sets for a service named spokehub.
func unknownVariables(flags []*kong.Flag, environ []string) []string {
	var unknown []string
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, envPrefix+"_") ||
			name == envPrefix+"_URL" || name == envPrefix+"_TOKEN" ||
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

// meant is the variable that somebody may have meant who set one that no flag reads, or "".
func meant(unknown string, flags []*kong.Flag) string {
	var names []string
	for _, flag := range flags {
		names = append(names, flag.Name)
	}
	near := nearest(strings.TrimPrefix(unknown, envPrefix+"_"), names)
	if near == "" {
		return ""
	}
	return variableOf(near)
}
