package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what should happen at once.
const patience = time.Minute

var binary string

// TestMain builds the binary that the tests run. They wait more than they work, so that more of them run at a time than there are cores,
// unless -parallel says otherwise.
func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "test.parallel" })
	if !asked {
		if err := flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))); err != nil {
			panic(err)
		}
	}
	catchHangups()
	os.Exit(buildAndRun(m))
}

// catchHangups has hubs that are started hear of SIGHUP, though the test was started to ignore it.
func catchHangups() { signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP) }

// builtBinary is the variable by which a test that runs itself in another process passes the binary on.
const builtBinary = "SPOKEHUB_TEST_BINARY"

func buildAndRun(m *testing.M) int {
	binary = os.Getenv(builtBinary)
	if withoutForeign() || binary != "" {
		return m.Run()
	}
	directory, err := os.MkdirTemp("", "spokehub")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(directory)
	binary = filepath.Join(directory, "spokehub")
	if err := os.Chmod(directory, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if output, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the binary: %v\n%s", err, output)
		return 1
	}
	return m.Run()
}

// unavailable skips a test whose tool is missing, or fails it if the variable CI is true.
func unavailable(t *testing.T, format string, arguments ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format, arguments...)
	}
	t.Skipf(format, arguments...)
}

// foreign skips a test of what other programs do, the binary among them, for runs with the race detector, which sees nothing of it.
func foreign(t *testing.T) {
	t.Helper()
	if withoutForeign() {
		t.Skip("FOREIGN=skip leaves out what other programs do")
	}
}

func withoutForeign() bool { return os.Getenv("FOREIGN") == "skip" }

// process is a running spokehub serve.
type process struct {
	command   *exec.Cmd
	websocket string
	page      string
	admin     string
	start     map[string]any
	output    *logOutput
	ended     chan struct{}
}

// logOutput collects the log, line by line.
type logOutput struct {
	mu      sync.Mutex
	lines   []string
	arrived chan struct{}
}

func (o *logOutput) collect(lines io.Reader) {
	scanner := bufio.NewScanner(lines)
	for scanner.Scan() {
		o.mu.Lock()
		o.lines = append(o.lines, scanner.Text())
		close(o.arrived)
		o.arrived = make(chan struct{})
		o.mu.Unlock()
	}
}

func (o *logOutput) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.lines, "\n")
}

// await returns the first record with that message, including past ones.
func (o *logOutput) await(t *testing.T, message string) map[string]any {
	t.Helper()
	deadline := time.After(patience)
	for next := 0; ; {
		o.mu.Lock()
		fresh, arrived := o.lines[next:], o.arrived
		o.mu.Unlock()
		for _, line := range fresh {
			var record map[string]any
			if json.Unmarshal([]byte(line), &record) == nil && record["msg"] == message {
				return record
			}
		}
		next += len(fresh)
		select {
		case <-arrived:
		case <-deadline:
			t.Fatalf("got no log record %q, want one; the log:\n%s", message, o)
		}
	}
}

// environment is the environment of the test, with added instead of the variables that would set flags.
func environment(added []string) []string {
	setsFlags := func(entry string) bool { return strings.HasPrefix(entry, envPrefix+"_") }
	return append(slices.DeleteFunc(os.Environ(), setsFlags), added...)
}

// startHub runs the binary on free ports.
func startHub(t *testing.T, environ []string, arguments ...string) *process {
	t.Helper()
	return startHubOn(t, environ, append([]string{"--listen=127.0.0.1:0", "--admin=127.0.0.1:0"}, arguments...)...)
}

// startHubOn runs the binary on the addresses that the arguments name.
func startHubOn(t *testing.T, environ []string, arguments ...string) *process {
	t.Helper()
	return startHubThrough(t, nil, environ, arguments...)
}

// startHubThrough is startHubOn by way of a program that runs the command behind its own arguments.
func startHubThrough(t *testing.T, program []string, environ []string, arguments ...string) *process {
	t.Helper()
	foreign(t)
	words := slices.Concat(program, []string{binary, "serve", "--log-format=json"}, arguments)
	command := exec.Command(words[0], words[1:]...)
	command.Env = environment(environ)
	return startHubCommand(t, command)
}

// startHubCommand runs a command that becomes a hub with --log-format=json.
func startHubCommand(t *testing.T, command *exec.Cmd) *process {
	t.Helper()
	var failure bytes.Buffer
	command.Stderr = &failure
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatalf("start the binary: %v", err)
	}
	p := &process{command: command, output: &logOutput{arrived: make(chan struct{})}, ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		p.output.collect(stdout)
		command.Wait()
	}()
	t.Cleanup(func() {
		command.Process.Kill()
		<-p.ended
		if strings.Contains(failure.String(), "goroutine ") {
			t.Errorf("got a stack trace on stderr:\n%s", &failure)
		}
		if t.Failed() {
			t.Logf("the log:\n%s\n%s", p.output, &failure)
		}
	})
	p.start = p.output.await(t, "listening")
	p.websocket, _ = p.start["websocket"].(string)
	p.page, _ = p.start["page"].(string)
	p.admin, _ = p.start["admin"].(string)
	return p
}

func (p *process) signal(t *testing.T, signal os.Signal) {
	t.Helper()
	if err := p.command.Process.Signal(signal); err != nil {
		t.Fatalf("send %v: %v", signal, err)
	}
}

// signalUntilEnd sends a signal until the process ends.
func (p *process) signalUntilEnd(signal os.Signal) {
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for end := time.After(patience); ; {
		_ = p.command.Process.Signal(signal)
		select {
		case <-p.ended:
			return
		case <-end:
			return
		case <-again.C:
		}
	}
}

// exitCode waits for the end of the process.
func (p *process) exitCode(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
		return p.command.ProcessState.ExitCode()
	case <-time.After(patience):
		t.Fatalf("got a process that is still running, want it to end; the log:\n%s", p.output)
		return -1
	}
}

// terminate drains the process and fails the test if that does not succeed.
func (p *process) terminate(t *testing.T) {
	t.Helper()
	p.signal(t, syscall.SIGTERM)
	if code := p.exitCode(t); code != 0 {
		t.Errorf("got exit code %d after SIGTERM, want 0", code)
	}
}

// runBinary runs the binary until it exits.
func runBinary(t *testing.T, environ []string, arguments ...string) (stdout, stderr string, code int) {
	t.Helper()
	return runAs(t, nil, environ, arguments...)
}

// runAs is runBinary with attributes of the process, such as its user.
func runAs(t *testing.T, attributes *syscall.SysProcAttr, environ []string, arguments ...string) (stdout, stderr string, code int) {
	t.Helper()
	foreign(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, binary, arguments...)
	command.Dir = filepath.Dir(binary)
	command.SysProcAttr = attributes
	command.Env = environment(environ)
	var out, failure bytes.Buffer
	command.Stdout, command.Stderr = &out, &failure
	err := command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("run %v: %v", arguments, err)
	}
	return out.String(), failure.String(), command.ProcessState.ExitCode()
}

// get returns the status, header and body of the response.
func get(t *testing.T, url string) (int, http.Header, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return fetch(t, request)
}

// post returns the status and the body of the response.
func post(t *testing.T, url, contentType, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", contentType)
	status, _, answer := fetch(t, request)
	return status, answer
}

func fetch(t *testing.T, request *http.Request) (int, http.Header, string) {
	t.Helper()
	response, err := (&http.Client{Timeout: patience}).Do(request)
	if err != nil {
		t.Fatalf("%s %s: %v", request.Method, request.URL, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("read the answer of %s: %v", request.URL, err)
	}
	return response.StatusCode, response.Header, string(body)
}

// stats are the public counters.
func (p *process) stats(t *testing.T) publicStats {
	t.Helper()
	_, _, body := get(t, p.page+"stats.json")
	var stats publicStats
	if err := json.Unmarshal([]byte(body), &stats); err != nil {
		t.Fatalf("read %s: %v", body, err)
	}
	return stats
}
