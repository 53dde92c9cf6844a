//go:build linux

package main

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gobwas/ws"

	"github.com/spokehub/spokehub/bench/load"
	"github.com/spokehub/spokehub/bench/server"
)

// victim is a server that can be attacked.
type victim struct {
	name, version string
	command       []string
	// hub is true for a build of the hub, which takes its flags.
	hub bool
	// secure has the arguments with which it speaks TLS, with the certificate in PEM; empty for a server that does not.
	secure secured
}

// secured are the arguments with which a server speaks TLS, and the certificate that it shows then.
type secured struct {
	arguments   []string
	certificate string
}

// place is where a running victim can be reached.
type place struct {
	Address, Path, Admin string
	// Message is the largest message that it takes, in bytes.
	Message int
	// Hub is true for a build of the hub.
	Hub bool
	// Certificate is what it shows over TLS, in PEM; empty without TLS.
	Certificate string
}

// server is the place for who connects to it.
func (p place) server() *server.Server {
	return &server.Server{Address: p.Address, Path: p.Path, Certificate: p.Certificate}
}

// withoutToken is the place for who has no token.
func (p place) withoutToken() place {
	p.Path, _, _ = strings.Cut(p.Path, "?")
	return p
}

// largestProbed is the message with which probing begins; the hub's largest by default has never been larger.
const largestProbed = 1 << 20

// findVictims makes the hub ready, and the peers that are asked for.
func findVictims(o hubOptions, peers []string, directory string, progress io.Writer) (victims []victim, err error) {
	hub := victim{name: "hub", version: o.binary, hub: true}
	if o.binary == "" {
		if o.binary, err = server.Build(o.root, directory, "cmd/spokehub"); err != nil {
			return nil, err
		}
		hub.version, _ = server.Output(o.root, "git", "describe", "--always", "--dirty")
	}
	hub.command = append([]string{o.binary, "serve", "--listen=127.0.0.1:0", "--admin=127.0.0.1:0", "--log-format=json"}, o.flags...)
	certificate, file, key, err := load.WriteCertificate(directory, hub.name)
	if err != nil {
		return nil, err
	}
	hub.secure = secured{load.SecureFlags(file, key), certificate}
	victims = []victim{hub}
	if len(peers) == 0 {
		return victims, nil
	}
	binary := ""
	if slices.ContainsFunc(peers, func(name string) bool { return name != "bun" }) {
		if binary, err = load.BuildPeers(filepath.Join(o.root, "bench", "peers"), directory); err != nil {
			return nil, err
		}
	}
	for _, name := range peers {
		var target *load.Target
		if name == "bun" {
			target, err = load.FindBun(progress)
		} else {
			target, err = load.NewPeer(name, binary)
		}
		if err != nil {
			return nil, err
		}
		if target.Dialect != "" {
			return nil, fmt.Errorf("%s has a protocol of its own: attacks and innocents speak the hub's", name)
		}
		made := victim{name: name, version: target.Version, command: target.Commands[load.ModeHub]}
		if safe, err := target.Secure(directory); err == nil {
			made.secure = secured{safe.Commands[load.ModeHub][len(made.command):], safe.Certificate}
		}
		victims = append(victims, made)
	}
	return victims, nil
}

// start runs the server with what the attack asks for, and finds out how long a message may be.
func (v victim) start(a attack, cores []int) (*server.Server, place, error) {
	command := slices.Clone(v.command)
	if a.secure {
		command = append(command, v.secure.arguments...)
	}
	if v.hub {
		command = append(command, a.flags...)
	}
	if a.limited {
		command = append([]string{"env", "GOMEMLIMIT=" + memoryLimit}, command...)
	}
	running, err := server.Start(cores, command)
	if err != nil {
		return nil, place{}, err
	}
	running.Path += a.query
	if a.secure {
		running.Certificate = v.secure.certificate
	}
	at := place{Address: running.Address, Path: running.Path, Admin: strings.TrimSuffix(running.Admin, "/"), Hub: v.hub, Certificate: running.Certificate}
	at.Message, err = probeMessage(running)
	if err != nil {
		running.Kill()
	}
	return running, at, err
}

// probeMessage halves a message until the server takes it.
func probeMessage(running *server.Server) (size int, err error) {
	for size = largestProbed; size >= 1<<10; size /= 2 {
		taken, err := takes(running, size)
		if err != nil || taken {
			return size, err
		}
	}
	return 0, fmt.Errorf("the server takes no message of %d bytes", size)
}

// takes reports whether a ping behind a message is answered.
func takes(running *server.Server, size int) (bool, error) {
	c, err := connect(running, probeNumber)
	if err != nil {
		return false, fmt.Errorf("probe the largest message: %w", err)
	}
	defer c.Reset()
	c.SetDeadline(time.Now().Add(probeTimeout))
	message := append(server.Text(`{"type":"probe","payload":"`+strings.Repeat("x", size-len(`{"type":"probe","payload":""}`))+`"}`), server.Frame(ws.NewPingFrame(nil))...)
	c.Write(message)
	for {
		var payload []byte
		header, err := c.ReadFrame(&payload)
		if err != nil || header.OpCode == ws.OpClose {
			return false, nil
		}
		if header.OpCode == ws.OpPong {
			return true, nil
		}
	}
}

// connect opens a connection that has shaken hands, from the source address that belongs to a number.
func connect(at *server.Server, number int) (*server.Conn, error) {
	c, err := at.Dial(number)
	if err != nil {
		return nil, err
	}
	c.Write(at.Request())
	if err := c.ReadUpgrade(); err != nil {
		c.Reset()
		return nil, err
	}
	return c, nil
}
