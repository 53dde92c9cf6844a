//go:build linux

package load

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spokehub/spokehub/bench/swarm"
)

const (
	startTimeout = 20 * time.Second
	stopTimeout  = 10 * time.Second
	keptLines    = 20
)

// Target is a server that can be measured. Hub, Bun and Peer implement it.
type Target interface {
	// Name is short: hub, bun, gorilla.
	Name() string
	// Version says what exactly is measured.
	Version() string
	// Dialect is how it is spoken to.
	Dialect() swarm.Dialect
	// Command gives a fresh command that starts it on a free port of 127.0.0.1, and says so with a line that holds its ws:// address.
	Command() *exec.Cmd
}

// Server is a Target that runs, in a process of its own.
type Server struct {
	// Address is host and port, Path what a WebSocket client asks for.
	Address, Path string
	// Admin is the base of the hub's admin address, or empty.
	Admin string

	target Target
	cmd    *exec.Cmd
	lines  *lastLines
	done   chan error
}

var (
	webSocketLine = regexp.MustCompile(`ws://([0-9.]+:[0-9]+)(/[a-z/]*)`)
	adminLine     = regexp.MustCompile(`admin"?[=:]"?(http://[0-9.]+:[0-9]+)`)
)

// StartServer starts a target on cores of its own and waits until it listens.
func StartServer(target Target, cores []int) (*Server, error) {
	cmd := target.Command()
	reader, writer := io.Pipe()
	cmd.Stdout, cmd.Stderr = writer, writer
	if err := swarm.StartPinned(cmd, cores); err != nil {
		return nil, fmt.Errorf("start %s: %w", target.Name(), err)
	}
	s := &Server{target: target, cmd: cmd, lines: &lastLines{}, done: make(chan error, 1)}
	go func() {
		s.done <- cmd.Wait()
		writer.Close()
	}()
	started := make(chan []string, 1)
	go s.follow(reader, started)
	select {
	case found := <-started:
		s.Address, s.Path, s.Admin = found[0], found[1], found[2]
		return s, nil
	case err := <-s.done:
		s.done <- err
		return nil, fmt.Errorf("start %s: it ended with %v: %s", target.Name(), err, s.lines)
	case <-time.After(startTimeout):
		s.Stop()
		return nil, fmt.Errorf("start %s: no ws:// address within %v: %s", target.Name(), startTimeout, s.lines)
	}
}

// follow reads what the server says, for its address and for the day it fails.
func (s *Server) follow(out io.Reader, started chan<- []string) {
	scanner := bufio.NewScanner(out)
	scanner.Buffer(nil, 1<<20)
	told := false
	for scanner.Scan() {
		line := scanner.Text()
		s.lines.add(line)
		found := webSocketLine.FindStringSubmatch(line)
		if found == nil || told {
			continue
		}
		told = true
		admin := ""
		if at := adminLine.FindStringSubmatch(line); at != nil {
			admin = at[1]
		}
		started <- []string{found[1], found[2], admin}
	}
	io.Copy(io.Discard, out)
}

// PID is its process id.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Alive says whether it still runs, and if not, how it ended and what it said last.
func (s *Server) Alive() error {
	select {
	case err := <-s.done:
		s.done <- err
		return fmt.Errorf("%s ended with %v: %s", s.target.Name(), err, s.lines)
	default:
		return nil
	}
}

// Stop ends it: by SIGTERM, and by SIGKILL when that takes too long.
func (s *Server) Stop() error {
	s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-s.done:
		s.done <- err
		return nil
	case <-time.After(stopTimeout):
		s.cmd.Process.Kill()
		s.done <- <-s.done
		return errors.New(s.target.Name() + " didn't end within " + stopTimeout.String() + " of SIGTERM")
	}
}

// lastLines keeps what a server said last.
type lastLines struct {
	mu    sync.Mutex
	lines []string
}

func (l *lastLines) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
	if len(l.lines) > keptLines {
		l.lines = l.lines[1:]
	}
}

// String joins them.
func (l *lastLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}
