//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"sync"
	"time"

	"github.com/spokehub/spokehub/bench/server"
	"github.com/spokehub/spokehub/bench/swarm"
)

// crews are the processes that have the clients of kill and rolling, as many as their descriptors need, and know which nodes take connections. mu guards nodes
// and next; the rest is for one goroutine.
type crews struct {
	processes []*crewProcess
	mu        sync.Mutex
	nodes     []*server.Server
	next      int
}

// crewProcess is the bench's handle of one of them.
type crewProcess struct {
	cmd     *exec.Cmd
	stdin   io.Closer
	orders  *json.Encoder
	answers *json.Decoder
}

// startCrews starts processes on the cores of clients, has them connect clients to nodes, and waits until each has its first event.
func (s settings) startCrews(nodes []*server.Server) (*crews, error) {
	limit, err := swarm.RaiseFileLimit()
	if err != nil {
		return nil, err
	}
	c := &crews{nodes: slices.Clone(nodes)}
	for range (s.clients + limit.Room() - 1) / limit.Room() {
		p, err := startCrew(s.clientCores)
		if err != nil {
			return nil, errors.Join(err, c.close())
		}
		c.processes = append(c.processes, p)
	}
	start := order{Do: doStart, Path: nodes[0].Path}
	for _, node := range nodes {
		start.Nodes = append(start.Nodes, node.Address)
	}
	_, err = c.ask(func(i int) order {
		from, to := s.clients*i/len(c.processes), s.clients*(i+1)/len(c.processes)
		mine := start
		mine.Count, mine.Number = to-from, from
		return mine
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("connect %d clients: %w", s.clients, err), c.close())
	}
	return c, nil
}

func startCrew(cores []int) (*crewProcess, error) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), crewEnvironment+"=1")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	stdout, failed := cmd.StdoutPipe()
	if err = errors.Join(err, failed); err == nil {
		err = swarm.StartPinned(cmd, cores)
	}
	if err != nil {
		return nil, fmt.Errorf("start a process for clients: %w", err)
	}
	return &crewProcess{cmd: cmd, stdin: stdin, orders: json.NewEncoder(stdin), answers: json.NewDecoder(stdout)}, nil
}

// ask gives each process an order of its own, and waits for all answers. The error is that of all that have failed.
func (c *crews) ask(orderOf func(process int) order) ([]answer, error) {
	answers, failed := make([]answer, len(c.processes)), make([]error, len(c.processes))
	var asking sync.WaitGroup
	for i, p := range c.processes {
		asking.Go(func() {
			failed[i] = p.orders.Encode(orderOf(i))
			if failed[i] == nil {
				failed[i] = p.answers.Decode(&answers[i])
			}
			if failed[i] == nil && answers[i].Error != "" {
				failed[i] = errors.New(answers[i].Error)
			}
		})
	}
	asking.Wait()
	return answers, errors.Join(failed...)
}

func (c *crews) askAll(o order) ([]answer, error) { return c.ask(func(int) order { return o }) }

// offer has a node take connections, or nil none at its place: then those have to come back that have one there, and it says how many they are.
func (c *crews) offer(number int, node *server.Server) (moved int, err error) {
	c.mu.Lock()
	c.nodes[number] = node
	c.mu.Unlock()
	o := order{Do: doOffer, Number: number}
	if node != nil {
		o.Address = node.Address
	}
	answers, err := c.askAll(o)
	for _, a := range answers {
		moved += a.Count
	}
	return moved, err
}

// some is a node that takes connections, nil if there is none.
func (c *crews) some() *server.Server {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.nodes {
		if node := c.nodes[(c.next+i)%len(c.nodes)]; node != nil {
			return node
		}
	}
	return nil
}

// returned waits until those are back that have to be, and says how long each took since at.
func (c *crews) returned(at time.Duration) (took []time.Duration, err error) {
	answers, err := c.askAll(order{Do: doReturned, At: at})
	for _, a := range answers {
		took = append(took, a.Took...)
	}
	return took, err
}

// await waits until all clients have got the last of so many events.
func (c *crews) await(events uint64) error {
	_, err := c.askAll(order{Do: doAwait, Events: events})
	return err
}

// tell adds up what all clients have got of so many events.
func (c *crews) tell(events uint64) (total heard, err error) {
	answers, err := c.askAll(order{Do: doTell, Events: events})
	for _, a := range answers {
		total.add(a.Heard)
	}
	return total, err
}

// close ends the processes: each goes when its orders end.
func (c *crews) close() error {
	var failed []error
	for _, p := range c.processes {
		p.stdin.Close()
	}
	for _, p := range c.processes {
		failed = append(failed, p.cmd.Wait())
	}
	return errors.Join(failed...)
}
