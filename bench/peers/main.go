//go:build linux

// Command peers measures the hub and its peers, or two builds of the hub, in turns, on the same machine and in the same minutes, and makes a
// table of the results, on demand a page with bars too. It also is the peers: `peers serve gorilla` runs one.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

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
	if len(arguments) == 2 && arguments[0] == "serve" {
		return servers.Serve(arguments[1], os.Stdout)
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
