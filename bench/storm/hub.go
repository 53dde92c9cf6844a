//go:build linux

package storm

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

const (
	startTimeout = 20 * time.Second
	keptLines    = 50
	hubPackage   = "github.com/spokehub/spokehub/cmd/spokehub"
)

// Hub is a process that runs `spokehub serve`. Its methods may be called from any goroutine.
type Hub struct {
	// Address is host and port, Path what a WebSocket client asks for.
	Address, Path string
	// Admin is the base of the admin address.
	Admin string

	cmd  *exec.Cmd
	done chan struct{}
	mu   sync.Mutex
	log  []map[string]any
	raw  []string
}

// Build compiles the hub into a directory and gives the path of the binary. It must be called within the module. flags are those of
// `go build`.
func Build(directory string, flags ...string) (string, error) {
	binary := filepath.Join(directory, "spokehub")
	arguments := append(append([]string{"build"}, flags...), "-o", binary, hubPackage)
	if output, err := exec.Command("go", arguments...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("storm: build the hub: %w: %s", err, output)
	}
	return binary, nil
}

// Start runs the binary on free ports of 127.0.0.1, unless the flags say otherwise, and waits until it listens. The hub dies with
// this process.
func Start(binary string, flags ...string) (*Hub, error) {
	arguments := append([]string{"serve", "--listen=127.0.0.1:0", "--admin=127.0.0.1:0", "--log-format=json"}, flags...)
	h := &Hub{cmd: exec.Command(binary, arguments...), done: make(chan struct{})}
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	reader, writer := io.Pipe()
	h.cmd.Stdout, h.cmd.Stderr = writer, writer
	if err := h.cmd.Start(); err != nil {
		return nil, fmt.Errorf("storm: start the hub: %w", err)
	}
	go func() {
		defer close(h.done)
		h.cmd.Wait()
		writer.Close()
	}()
	listening := make(chan map[string]any, 1)
	go h.follow(reader, listening)
	select {
	case line := <-listening:
		return h, h.locate(line)
	case <-h.done:
		return nil, fmt.Errorf("storm: the hub ended with %v: %s", h.cmd.ProcessState, h.Said())
	case <-time.After(startTimeout):
		h.Kill()
		return nil, fmt.Errorf("storm: the hub doesn't listen after %v: %s", startTimeout, h.Said())
	}
}

// follow reads the log.
func (h *Hub) follow(out io.Reader, listening chan<- map[string]any) {
	scanner := bufio.NewScanner(out)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		var line map[string]any
		if json.Unmarshal(scanner.Bytes(), &line) != nil {
			line = nil
		}
		h.keep(scanner.Text(), line)
		if line["msg"] == "listening" {
			select {
			case listening <- line:
			default:
			}
		}
	}
	io.Copy(io.Discard, out)
}

func (h *Hub) keep(raw string, line map[string]any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.raw = append(h.raw, raw)
	h.log = append(h.log, line)
	if len(h.raw) > keptLines {
		h.raw, h.log = h.raw[1:], h.log[1:]
	}
}

func (h *Hub) locate(line map[string]any) error {
	spoken, _ := line["websocket"].(string)
	h.Admin, _ = line["admin"].(string)
	at, err := url.Parse(spoken)
	if err != nil || at.Host == "" || h.Admin == "" {
		h.Kill()
		return fmt.Errorf("storm: the hub's first line tells no addresses: %s", h.Said())
	}
	h.Address, h.Path = at.Host, at.Path
	h.Admin = h.Admin[:len(h.Admin)-1]
	return nil
}

// PID is the process id.
func (h *Hub) PID() int { return h.cmd.Process.Pid }

// Said is what the hub logged last, a line each.
func (h *Hub) Said() (lines []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append(lines, h.raw...)
}

// Logged is the last line with a message, or nil if there is none among the last lines.
func (h *Hub) Logged(message string) map[string]any {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := len(h.log) - 1; i >= 0; i-- {
		if h.log[i]["msg"] == message {
			return h.log[i]
		}
	}
	return nil
}

// Signal sends a signal.
func (h *Hub) Signal(signal os.Signal) error {
	if err := h.cmd.Process.Signal(signal); err != nil {
		return fmt.Errorf("storm: signal the hub: %w", err)
	}
	return nil
}

// Done is closed when the process has ended.
func (h *Hub) Done() <-chan struct{} { return h.done }

// Wait waits for the end of the process and gives its exit code.
func (h *Hub) Wait(ctx context.Context) (code int, err error) {
	select {
	case <-h.done:
		return h.cmd.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		return 0, fmt.Errorf("storm: the hub has not ended: %w", ctx.Err())
	}
}

// Kill ends the process by SIGKILL and waits for it.
func (h *Hub) Kill() {
	if err := h.cmd.Process.Kill(); err == nil || errors.Is(err, os.ErrProcessDone) {
		<-h.done
	}
}
