//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/spokehub/spokehub/bench/swarm"
)

func main() {
	swarm.RunIfChild()
	var o options
	kong.Parse(&o, kong.Name("soak"), kong.Description(description), kong.ConfigureHelp(kong.HelpOptions{WrapUpperBound: 110}))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s, err := run(ctx, o, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
	for _, wrong := range s.wrong {
		fmt.Fprintln(os.Stderr, "soak:", wrong)
	}
	if len(s.wrong) > 0 {
		os.Exit(1)
	}
}
