//go:build linux

package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spokehub/spokehub/bench/server"
	"github.com/spokehub/spokehub/bench/swarm"
)

const (
	serverHub        = "hub"
	serverCentrifuge = "centrifuge"
	// readyPatience is how long a hub may take to reach its broker.
	readyPatience = 30 * time.Second
)

// hubPolicies is the file of a hub: kept has a stream. roomsByID has it ask other hubs for rooms by their ids, however many, and roomsAuto while they are few.
const (
	hubPolicies = `topics:
  - match: kept
    history: {events: 100000}
`
	roomsByID = `  - match: room
    interest: id
`
	roomsAuto = `  - match: room
    interest: auto
`
)

// cluster is some nodes of one kind on one broker. One goroutine uses it.
type cluster struct {
	kind   string
	engine engine
	nodes  []*server.Server
	// store is the directory for files, binaries are where executables are.
	store, binaries string
	cores           []int
	// flags are further ones of every hub.
	flags []string
}

// startCluster starts a broker and nodes, and waits until all listen. byID has hubs ask for the rooms by id.
func (s settings) startCluster(kind, engineName string, byID bool) (*cluster, error) {
	store, err := os.MkdirTemp("", "spokehub-cluster-")
	if err != nil {
		return nil, fmt.Errorf("make a place for a broker's files: %w", err)
	}
	c := &cluster{kind: kind, store: store, binaries: s.binaries, cores: s.serverCores, flags: s.hubFlags}
	policies := hubPolicies
	if byID {
		policies += roomsByID
	} else {
		policies += roomsAuto
	}
	if err = os.WriteFile(c.policies(), []byte(policies), 0o600); err == nil {
		c.engine, err = startEngine(engineName, s.binaries, store, s.serverCores)
	}
	for number := 0; err == nil && number < s.nodes; number++ {
		var node *server.Server
		if node, err = c.startNode(number); err == nil {
			c.nodes = append(c.nodes, node)
		}
	}
	if err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

func (c *cluster) policies() string { return filepath.Join(c.store, "hub.yaml") }

// startNode starts one node, which is not among nodes yet.
func (c *cluster) startNode(number int) (*server.Server, error) {
	node, err := server.Start(c.cores, c.command(number))
	if err == nil && node.Admin != "" {
		err = awaitReady(node)
	}
	if err != nil {
		return nil, fmt.Errorf("node %d: %w", number, err)
	}
	return node, nil
}

// readyClient asks hubs whether they are ready.
var readyClient = &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// awaitReady waits until a hub has reached its broker, as a load balancer would. A hub that does not is ended.
func awaitReady(node *server.Server) error {
	for deadline := time.Now().Add(readyPatience); ; time.Sleep(10 * time.Millisecond) {
		response, err := readyClient.Get(node.Admin + "/readyz")
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
			err = errors.New("/readyz says " + response.Status)
		}
		if time.Now().After(deadline) {
			node.Kill()
			return fmt.Errorf("it does not become ready: %w", err)
		}
	}
}

func (c *cluster) command(number int) []string {
	if c.kind == serverCentrifuge {
		command := []string{filepath.Join(c.binaries, "centrifuge")}
		switch c.engine.name {
		case engineNATS:
			command = append(command, engineNATS, c.engine.url())
		case engineRedis:
			command = append(command, engineRedis, c.engine.address)
		}
		return command
	}
	flags := []string{"--config=" + c.policies()}
	if c.engine.name != engineNone {
		flags = append(flags, "--broker="+c.engine.url(), fmt.Sprintf("--node=bench-%d", number))
	}
	return server.HubCommand(filepath.Join(c.binaries, "spokehub"), append(flags, c.flags...)...)
}

// stop ends everything and removes the files.
func (c *cluster) stop() error {
	for _, node := range c.nodes {
		node.Kill()
	}
	c.engine.stop()
	return os.RemoveAll(c.store)
}

// cpu is the time that all nodes and the broker have used.
func (c *cluster) cpu() (nodes, broker time.Duration, err error) {
	for _, node := range c.nodes {
		used, failed := server.ReadCPU(node.PID())
		nodes, err = nodes+used.Whole, errors.Join(err, failed)
	}
	broker, failed := c.engine.cpu()
	return nodes, broker, errors.Join(err, failed)
}

// memory is what an average node and the broker have, in bytes.
func (c *cluster) memory() (node, broker int64, err error) {
	for _, one := range c.nodes {
		memory, failed := one.Memory()
		node, err = node+memory.RSS, errors.Join(err, failed)
	}
	broker, failed := c.engine.memory()
	return node / int64(len(c.nodes)), broker, errors.Join(err, failed)
}

// alive says whether a node has ended by itself.
func (c *cluster) alive() error {
	var ended error
	for number, node := range c.nodes {
		if err := node.Alive(); err != nil {
			ended = errors.Join(ended, fmt.Errorf("node %d: %w", number, err))
		}
	}
	return ended
}

// splitCores gives servers and the broker their cores, and clients the others.
func splitCores(servers int) (forServers, forClients []int, err error) {
	cores, err := swarm.Cores()
	if err != nil || len(cores) < 2 {
		return nil, nil, err
	}
	if servers <= 0 {
		servers = max(len(cores)/2, 1)
	}
	servers = min(servers, len(cores)-1)
	return cores[:servers], cores[servers:], nil
}
