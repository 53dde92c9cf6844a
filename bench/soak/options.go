//go:build linux

package main

import (
	"errors"
	"time"
)

const description = `Serves checked subscribers for hours while peers connect and die, stop, flood and talk nonsense, restarts the hub ` +
	`between laps, and draws memory, descriptors, goroutines, latency and counters over time as one HTML page. ` +
	`It ends by itself. Exit code 1: an event was lost, doubled or reordered, the ledger doesn't add up, or the hub failed.

    go run ./bench/soak --duration 1m    a quick look
    go run ./bench/soak --duration 8h --spokes 5000 --report night.html    overnight`

type options struct {
	Duration time.Duration `help:"How long in all, as in 90s, 30m or 8h. (default ${default})" default:"10m" placeholder:"TIME"`
	Laps     int           `help:"How often the hub is drained and started anew, evenly spread. (default ${default})" default:"4" placeholder:"N"`
	Listen   string        `help:"Where the hub listens; port 0 picks a free one. (default ${default})" default:"127.0.0.1:0" placeholder:"HOST:PORT"`
	Spokes   int           `help:"Subscribers that must get every event. (default ${default})" default:"1000" placeholder:"N"`
	Rate     float64       `help:"Events a second to the common topic; as many go to topics of few. (default ${default})" default:"50" placeholder:"N"`
	Victims  int           `help:"Spokes that stop or die in one storm. (default ${default})" default:"500" placeholder:"N"`
	Churn    float64       `help:"Connects and kills a second while that is the weather. (default ${default})" default:"500" placeholder:"N"`
	Seed     uint64        `help:"Chooses the order of the weather. (default ${default})" default:"1" placeholder:"N"`
	Report   string        `help:"Where the page goes. (default ${default})" default:"soak.html" placeholder:"FILE"`
	Progress time.Duration `help:"Time between two lines that tell how it goes. (default ${default})" default:"10s" placeholder:"TIME"`
	Hub      string        `help:"The hub's binary. Default: built from this module." placeholder:"FILE"`
	Flags    []string      `name:"hub-flag" help:"A further flag for spokehub serve; may be repeated." placeholder:"FLAG"`
}

func (o options) check() error {
	switch {
	case o.Duration < time.Second || o.Progress <= 0:
		return errors.New("--duration must be a second or more, --progress more than 0")
	case o.Laps < 1 || o.Spokes < 1 || o.Victims < 1:
		return errors.New("--laps, --spokes and --victims must be 1 or more")
	case o.Rate <= 0 || o.Churn <= 0:
		return errors.New("--rate and --churn must be more than 0")
	}
	return nil
}
