// Command spokehub serves a WebSocket fan-out hub on one machine: clients
// connect to it, subscribe to topics, and receive what others publish.
//
// Its errors are one line on stderr. It exits with 0 after a drain that a
// signal asked for, with 1 when something failed while starting or running or
// when a second signal cut the drain short, and with 2 when it was called
// wrongly.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
)

const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// usageError is a mistake of the caller: a wrong flag or value.
type usageError struct {
	err error
}

func (e usageError) Error() string { return e.err.Error() }

func (e usageError) Unwrap() error { return e.err }

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	command, err := parseCommandLine(args, stdout, stderr)
	if err == nil {
		err = command(stdout)
	}
	if err == nil {
		return exitOK
	}
	var usage usageError
	if errors.As(err, &usage) {
		fmt.Fprintf(stderr, "spokehub: %v (spokehub serve --help lists every flag)\n", err)
		return exitUsage
	}
	fmt.Fprintf(stderr, "spokehub: %v\n", err)
	return exitFailure
}
