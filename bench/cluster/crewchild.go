//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spokehub/spokehub/bench/swarm"
)

// crewEnvironment is set in processes that are a crew.
const crewEnvironment = "SPOKEHUB_CLUSTER_CREW"

// What a crew is asked for.
const (
	// doStart connects Count clients to Nodes at Path.
	doStart = "start"
	// doOffer has node Number take connections at Address, or none.
	doOffer = "offer"
	// doReturned waits for those that have to come back from a node that took none from At on.
	doReturned = "returned"
	// doAwait waits until all clients have the last of Events.
	doAwait = "await"
	// doTell adds up what clients have got of Events.
	doTell = "tell"
)

// order is one line from the bench to a crew, and answer the one that comes back.
type order struct {
	Do            string
	Count, Number int
	Nodes         []string
	Path, Address string
	At            time.Duration
	Events        uint64
}

type answer struct {
	Error string
	Count int
	Took  []time.Duration
	Heard heard
}

// runIfCrew turns this process into a crew, and ends it when its orders end, if the bench started it as one. Otherwise it does nothing.
func runIfCrew() {
	if os.Getenv(crewEnvironment) == "" {
		return
	}
	if err := runCrew(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "crew:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func runCrew(in io.Reader, out io.Writer) error {
	if _, err := swarm.RaiseFileLimit(); err != nil {
		return err
	}
	c := &crew{}
	orders, answers := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var o order
		switch err := orders.Decode(&o); {
		case errors.Is(err, io.EOF):
			return c.close()
		case err != nil:
			return err
		}
		a, err := c.obey(&o)
		if err != nil {
			a.Error = err.Error()
		}
		if err := answers.Encode(a); err != nil {
			return err
		}
	}
}

func (c *crew) obey(o *order) (a answer, err error) {
	switch o.Do {
	case doStart:
		c.nodes, c.next = o.Nodes, o.Number
		err = c.start(o.Count, o.Path)
	case doOffer:
		a.Count = c.offer(o.Number, o.Address)
	case doReturned:
		a.Took, err = c.returned(o.At)
	case doAwait:
		err = await(c.members, arrival, func(m *member) bool { return m.has(o.Events) })
	case doTell:
		a.Heard = c.tell(o.Events)
	default:
		err = fmt.Errorf("there is no order %q", o.Do)
	}
	return a, err
}
