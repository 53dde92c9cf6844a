//go:build linux

// Package server runs a server under test in a process of its own and observes it from outside: its log, its metrics and ledger, its
// memory, CPU time and descriptors. Storms, soaks and load benchmarks all start and read their server here.
package server

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spokehub/spokehub/bench/swarm"
)

const (
	startTimeout = 20 * time.Second
	stopTimeout  = time.Minute
	keptLines    = 50
)

// Server is a running server process. Its methods may be called from any goroutine. The process dies with this one.
type Server struct {
	// Address is host and port, Path what a WebSocket client asks for.
	Address, Path string
	// Admin is the base URL of the hub's admin address; empty for a server without one.
	Admin string
	// Certificate is what it shows for localhost, in PEM; whoever starts a server with TLS sets it. Empty: it does not speak TLS.
	Certificate string

	cmd  *exec.Cmd
	done chan struct{}
	log  log
}

// log is the end of what the server wrote. Its lock guards it.
type log struct {
	mu    sync.Mutex
	lines []string
}

var (
	webSocketURL = regexp.MustCompile(`wss?://([0-9.]+:[0-9]+)(/[a-z/]*)?`)
	adminURL     = regexp.MustCompile(`admin"?[=:]"?(http://[0-9.]+:[0-9]+)`)
)

// Build compiles a package of the hub's module into a directory and returns the path of the executable. The root is that of the module, or
// empty within it; flags are those of `go build`.
func Build(root, directory, name string, flags ...string) (string, error) {
	arguments := append(append([]string{"build"}, flags...), "-o", directory+"/", "github.com/spokehub/spokehub/"+name)
	_, err := Output(root, "go", arguments...)
	return directory + name[strings.LastIndexByte(name, '/'):], err
}

// Output runs a command in a directory and returns what it wrote, trimmed. It blocks until the command ends.
func Output(directory, name string, arguments ...string) (string, error) {
	cmd := exec.Command(name, arguments...)
	cmd.Dir = directory
	view, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%v: %w: %s", cmd, err, view)
	}
	return strings.TrimSpace(string(view)), nil
}

// HubCommand is the command line that runs a hub's executable on free ports and without limits on rates, unless the flags say
// otherwise: load is meant to be more than a client may send.
func HubCommand(binary string, flags ...string) []string {
	return append([]string{binary, "serve", "--listen=127.0.0.1:0", "--admin=127.0.0.1:0", "--log-format=json",
		"--max-events-per-second=0", "--max-bytes-per-second=0", "--max-controls-per-second=0"}, flags...)
}

// StartHub runs a hub's executable and waits until it listens.
func StartHub(binary string, flags ...string) (*Server, error) {
	return Start(nil, HubCommand(binary, flags...))
}

// Start runs a command on these cores alone, or on any if there are none, and waits until it logs a line with its ws:// or wss:// address.
func Start(cores []int, command []string) (*Server, error) {
	s := &Server{cmd: exec.Command(command[0], command[1:]...), done: make(chan struct{})}
	reader, writer := io.Pipe()
	s.cmd.Stdout, s.cmd.Stderr = writer, writer
	if err := swarm.StartPinned(s.cmd, cores); err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	go func() {
		defer close(s.done)
		s.cmd.Wait()
		writer.Close()
	}()
	listening := make(chan string, 1)
	go s.follow(reader, listening)
	select {
	case line := <-listening:
		s.Address, s.Path, s.Admin = addresses(line)
		return s, nil
	case <-s.done:
		return nil, s.Alive()
	case <-time.After(startTimeout):
		s.Kill()
		return nil, fmt.Errorf("the server gave no ws:// address within %v: %q", startTimeout, s.LastLines())
	}
}

// follow reads the log and passes on the line that has the address.
func (s *Server) follow(out io.Reader, listening chan<- string) {
	scanner := bufio.NewScanner(out)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		s.log.mu.Lock()
		s.log.lines = append(s.log.lines, scanner.Text())
		s.log.lines = s.log.lines[max(len(s.log.lines)-keptLines, 0):]
		s.log.mu.Unlock()
		if webSocketURL.MatchString(scanner.Text()) {
			select {
			case listening <- scanner.Text():
			default:
			}
		}
	}
	io.Copy(io.Discard, out)
}

// addresses reads the start line.
func addresses(line string) (address, path, admin string) {
	if found := webSocketURL.FindStringSubmatch(line); found != nil {
		address, path = found[1], cmp.Or(found[2], "/")
	}
	if found := adminURL.FindStringSubmatch(line); found != nil {
		admin = found[1]
	}
	return address, path, admin
}

// PID is the process id.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// LastLines returns the last lines that the server logged.
func (s *Server) LastLines() []string {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return slices.Clone(s.log.lines)
}

// Done is closed when the process has ended.
func (s *Server) Done() <-chan struct{} { return s.done }

// Alive returns nil while the process runs, and then an error with its last lines.
func (s *Server) Alive() error {
	select {
	case <-s.done:
		return fmt.Errorf("the server ended with %v: %q", s.cmd.ProcessState, s.LastLines())
	default:
		return nil
	}
}

// Signal sends a signal.
func (s *Server) Signal(signal os.Signal) error {
	if err := s.cmd.Process.Signal(signal); err != nil {
		return fmt.Errorf("signal the server: %w", err)
	}
	return nil
}

// Wait blocks until the process ends and returns its exit code.
func (s *Server) Wait(ctx context.Context) (code int, err error) {
	select {
	case <-s.done:
		return s.cmd.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		return 0, fmt.Errorf("the server has not ended: %w", ctx.Err())
	}
}

// Stop ends the process by SIGTERM, and by SIGKILL if that takes too long.
func (s *Server) Stop() error {
	s.cmd.Process.Signal(syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	_, err := s.Wait(ctx)
	s.Kill()
	return err
}

// Kill ends the process by SIGKILL and waits for it.
func (s *Server) Kill() {
	if err := s.cmd.Process.Kill(); err == nil || errors.Is(err, os.ErrProcessDone) {
		<-s.done
	}
}
