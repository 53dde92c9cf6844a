// Command spokehub serves a WebSocket fan-out hub on one machine: clients
// connect, subscribe to topics, and receive the events published to them.
//
// It reports an error in one line on stderr, and each of several mistakes in a line of its own. It exits with 0 after a drain, with 1
// if it fails to start or to keep running or if a second signal cuts a drain
// short, and with 2 if its arguments are wrong. The commands that connect to a hub exit with 3 if it refuses what they want, with 4
// if there is none, and with 130 if a signal cuts them short.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
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
	code := exitCodeOf(err)
	lines := strings.Split(err.Error(), "\n")
	for i, line := range lines {
		advice := ""
		if code == exitUsage && i == len(lines)-1 {
			advice = adviceOn(args, err)
		}
		if line != "" {
			fmt.Fprintf(stderr, "spokehub: %s%s\n", strings.ReplaceAll(line, "spoke: ", ""), advice)
		}
	}
	return code
}

// adviceOn says where more can be read about what was wrong in the arguments, or in the file that they name.
func adviceOn(args []string, err error) string {
	var first explainedError
	if errors.As(err, &first) && first.isInFile {
		return " (spokehub config example shows every key, spokehub serve --help every flag)"
	}
	of, lists := helpOf(args)
	return " (" + of + " --help lists every " + lists + ")"
}

// helpOf is the command whose help has more about a mistake in the arguments, and what that lists: where they name no command, those there are.
func helpOf(args []string) (of, lists string) {
	first, second := "", ""
	if len(args) > 0 {
		first = args[0]
	}
	if len(args) > 1 {
		second = args[1]
	}
	switch first {
	case "serve", "version", "sub", "pub", "check", "bench", "completion", "man", "doctor", "top", "health":
		return "spokehub " + first, "flag"
	case "token":
		if slices.Contains([]string{"make", "read", "key", "apikey"}, second) {
			return "spokehub token " + second, "flag"
		}
		return "spokehub token", "command"
	case "config":
		if slices.Contains([]string{"check", "print"}, second) {
			return "spokehub serve", "flag"
		}
		return "spokehub config", "command"
	}
	return "spokehub", "command"
}
