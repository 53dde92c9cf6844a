// Command spokehub serves a WebSocket fan-out hub on one machine: clients
// connect, subscribe to topics, and receive the events published to them.
//
// It reports an error in one line on stderr. It exits with 0 after a drain, with 1
// if it fails to start or to keep running or if a second signal cuts a drain
// short, and with 2 if its arguments are wrong.
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

// usageError is a mistake of the caller, such as a wrong flag or value.
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
		command := "serve"
		if len(args) > 0 && args[0] == "token" {
			command = "token"
		}
		fmt.Fprintf(stderr, "spokehub: %s (spokehub %s --help lists every flag)\n", explain(err, args), command)
		return exitUsage
	}
	fmt.Fprintf(stderr, "spokehub: %s\n", explain(err, args))
	return exitFailure
}
