//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spokehub/spokehub/bench/server"
	"github.com/spokehub/spokehub/bench/swarm"
)

const (
	engineNATS  = "nats"
	engineRedis = "redis"
	// engineNone is one node without a broker.
	engineNone = "none"
	// enginePatience is how long a broker may take to answer.
	enginePatience = 30 * time.Second
)

// engine is a broker's server, run for one measurement. The zero value is none.
type engine struct {
	// name is one of the constants, address is host and port.
	name, address string
	process       *exec.Cmd
}

// buildNATS builds the nats-server whose version the module in internal/engines/natsserver names.
func buildNATS(root, directory string) error {
	module := filepath.Join(root, "internal", "engines", "natsserver")
	_, err := server.Output(module, "go", "build", "-o", directory+"/", "github.com/nats-io/nats-server/v2")
	return err
}

// startEngine starts a server on a free port of the loopback, with an empty store, on these cores, and waits until it answers.
func startEngine(name, binaries, store string, cores []int) (engine, error) {
	if name == engineNone {
		return engine{name: name}, nil
	}
	port, err := freePort()
	if err != nil {
		return engine{}, err
	}
	e := engine{name: name, address: "127.0.0.1:" + port}
	switch name {
	case engineNATS:
		e.process = exec.Command(filepath.Join(binaries, "nats-server"), "-a", "127.0.0.1", "-p", port, "-js", "-sd", store)
	case engineRedis:
		e.process = exec.Command("redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir", store,
			"--maxclients", "10000", "--maxmemory-policy", "noeviction")
	default:
		return engine{}, fmt.Errorf("there is no engine %q", name)
	}
	if err := swarm.StartPinned(e.process, cores); err != nil {
		return engine{}, fmt.Errorf("start the broker %s: %w", name, err)
	}
	for deadline := time.Now().Add(enginePatience); ; time.Sleep(20 * time.Millisecond) {
		if err = e.answers(); err == nil {
			return e, nil
		}
		if time.Now().After(deadline) {
			e.stop()
			return engine{}, fmt.Errorf("the broker %s does not answer at %s: %w", name, e.address, err)
		}
	}
}

// answers says whether the server is ready.
func (e engine) answers() error {
	conn, err := net.DialTimeout("tcp", e.address, time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Second))
	if e.name == engineRedis {
		if _, err := io.WriteString(conn, "PING\r\n"); err != nil {
			return err
		}
	}
	got := make([]byte, 4096)
	n, err := conn.Read(got)
	if err == nil && !bytes.Contains(got[:n], []byte("PONG")) && !bytes.Contains(got[:n], []byte("INFO")) {
		err = errors.New("it says " + strings.TrimSpace(string(got[:n])))
	}
	return err
}

// url is what a hub is told by --broker.
func (e engine) url() string { return e.name + "://" + e.address }

// cpu is the time that the server has used, zero for none.
func (e engine) cpu() (time.Duration, error) {
	if e.process == nil {
		return 0, nil
	}
	used, err := server.ReadCPU(e.process.Process.Pid)
	return used.Whole, err
}

// memory is what the server has, in bytes.
func (e engine) memory() (int64, error) {
	if e.process == nil {
		return 0, nil
	}
	memory, err := server.ReadMemory(e.process.Process.Pid)
	return memory.RSS, err
}

func (e engine) stop() {
	if e.process != nil {
		e.process.Process.Kill()
		e.process.Wait()
	}
}

func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer listener.Close()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port), nil
}
