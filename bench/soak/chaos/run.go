//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/spokehub/spokehub/bench/server"
	"github.com/spokehub/spokehub/bench/swarm"
)

// chaos is one run. The goroutine of run owns it; timeline has a lock.
type chaos struct {
	options
	// directory is for what is built.
	directory string
	out       io.Writer
	ledger    *ledger
	arrivals  *arrivals
	hubs      *hubs
	proxy     *proxy
	publisher *publisher
	crews     []*crew
	holdings  []holding
	rounds    int
	timeline  timeline
}

// run plays chaos until the duration is over or ctx ends, and returns what it found. An error means that it couldn't.
func run(ctx context.Context, o options, out io.Writer) (outcome, error) {
	if err := o.check(); err != nil {
		return outcome{}, err
	}
	if _, err := swarm.RaiseFileLimit(); err != nil {
		return outcome{}, err
	}
	directory, err := os.MkdirTemp("", "chaos")
	if err != nil {
		return outcome{}, fmt.Errorf("make room for what is built: %w", err)
	}
	defer os.RemoveAll(directory)
	if o.Hub == "" {
		if o.Hub, err = server.Build("", directory, "cmd/spokehub"); err != nil {
			return outcome{}, err
		}
	}
	c := &chaos{options: o, out: out, directory: directory, ledger: newLedger(o.Clients, o.Clients-o.Nodes)}
	c.arrivals = newArrivals(o.Clients, c.ledger)
	err = c.start()
	if err == nil {
		err = c.play(ctx)
	}
	if c.hubs != nil {
		c.hubs.count()
	}
	c.ledger.close()
	found := c.outcome(errors.Is(err, errInterrupted))
	if errors.Is(err, errInterrupted) {
		err = nil
	}
	return found, errors.Join(err, c.stop())
}

// start runs the hub, the proxy and the clients.
func (c *chaos) start() (err error) {
	policies, err := writePolicies(c.directory)
	if err != nil {
		return err
	}
	if c.hubs, err = startHubs(c.Hub, policies, c.Patience, c.ledger); err != nil {
		return err
	}
	if c.proxy, err = startProxy(seed(c.Seed), c.Longest, c.ledger, c.arrivals); err != nil {
		return err
	}
	c.proxy.lead(c.hubs.current().Address)
	c.proxy.setCalm(true)
	for _, one := range []struct {
		name        string
		first, last int
		command     func(directory string) (*exec.Cmd, error)
	}{
		{"Go", 0, c.Clients - c.Nodes, goCommand}, {"Node", c.Clients - c.Nodes, c.Clients, nodeCommand},
	} {
		if one.first == one.last {
			continue
		}
		cmd, err := one.command(c.directory)
		if err != nil {
			return err
		}
		crew, err := startCrew(one.name, cmd, c.task(one.first, one.last), c.ledger, c.arrivals)
		if err != nil {
			return err
		}
		c.crews = append(c.crews, crew)
	}
	c.publisher = &publisher{hubs: c.hubs, ledger: c.ledger, every: time.Duration(float64(time.Second) / c.Rate)}
	return nil
}

// task is that of the clients from first to last, without the last.
func (c *chaos) task(first, last int) task {
	t := task{
		URL:      "ws://" + c.proxy.address() + c.hubs.current().Path,
		MinDelay: int(shortestPause.Milliseconds()), MaxDelay: int(c.MaxDelay.Milliseconds()),
		Ping: int(c.Patience.Milliseconds()), Patience: int(c.Patience.Milliseconds()), Connect: int(2 * c.Patience.Milliseconds()), Pause: int(speechPause.Milliseconds()),
		AuthorTurns: authorTurns,
	}
	for client := first; client < last; client++ {
		t.Members = append(t.Members, newMember(client))
	}
	return t
}

// stop ends everything.
func (c *chaos) stop() (err error) {
	for _, crew := range c.crews {
		err = errors.Join(err, crew.quit())
	}
	if c.proxy != nil {
		c.proxy.close()
	}
	if c.hubs != nil {
		err = errors.Join(err, c.hubs.stop())
	}
	return err
}
