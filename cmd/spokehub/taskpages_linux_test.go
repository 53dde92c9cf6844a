package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestCommandsOfTaskPagesRun runs the pages as a reader would, block by block, each page in a directory of its own:
//
//   - a block of sh runs to its end and has to succeed. Its variables and its directory hold for the next one, as in one terminal
//   - with the note "terminal" it has a terminal of its own, where it goes on until the end of the page, and the next block runs once its hub
//     listens, or its subscriber has subscribed
//   - a block whose note is the name of a file, as in "go main.go", is written to that file
//   - each line of a block of text has to be in what was printed so far, where … stands for anything
//   - a block that can't be run has the note "not run: " and why
//
// What has "go run" runs in the root of the repository. Addresses on 127.0.0.1 are replaced by free ones, and the repository at GitHub, and what "go mod tidy" would take from it, by this one.
func TestCommandsOfTaskPagesRun(t *testing.T) {
	for _, page := range taskPages {
		t.Run(path.Base(page), func(t *testing.T) {
			t.Parallel()
			foreign(t)
			if _, err := exec.LookPath("curl"); err != nil {
				unavailable(t, "curl: %v", err)
			}
			r := newReader(t)
			for _, b := range blocksOf(t, page) {
				r.follow(t, b)
				if t.Failed() {
					t.Fatalf("all that was printed:\n%s", r.printed())
				}
			}
		})
	}
}

// reader follows a page.
type reader struct {
	// home has the files of the reader, state what one block leaves to the next.
	home, state string
	root        string
	ports       map[string]string
	// outputs are the files into which blocks print.
	outputs []string
}

func newReader(t *testing.T) *reader {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{home: t.TempDir(), state: t.TempDir(), root: root, ports: map[string]string{}}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(r.state, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("directory", r.home)
	write("variables", "")
	return r
}

var (
	pageAddress = regexp.MustCompile(`127\.0\.0\.1:(\d{4,5})`)
	serveLine   = regexp.MustCompile(`(?m)spokehub serve((?:.*\\\n)*.*)$`)
)

// placed is text of the page with the addresses of this reader.
func (r *reader) placed(t *testing.T, text string) string {
	t.Helper()
	text = serveLine.ReplaceAllStringFunc(text, func(line string) string {
		if strings.Contains(line, "--config") || strings.Contains(line, "--help") {
			return line
		}
		added := ""
		if !strings.Contains(line, "--listen") {
			added += " --listen 127.0.0.1:8080"
		}
		if !strings.Contains(line, "--admin") {
			added += " --admin 127.0.0.1:8081"
		}
		return strings.Replace(line, "spokehub serve", "spokehub serve"+added, 1)
	})
	text = strings.ReplaceAll(text, "go run ./cmd/spokehub", "cd "+r.root+"\ngo run ./cmd/spokehub")
	text = strings.ReplaceAll(text, "git clone https://github.com/spokehub/spokehub", "git clone --quiet --depth 1 file://"+r.root+" spokehub")
	text = strings.ReplaceAll(text, "go mod tidy\n", "go mod edit -require=github.com/spokehub/spokehub@v0.0.0 -replace=github.com/spokehub/spokehub="+r.root+
		"\ncp "+r.root+"/go.sum .\nexport GOFLAGS=-mod=mod\n")
	return pageAddress.ReplaceAllStringFunc(text, func(address string) string { return r.address(t, address) })
}

// address is a free one for one of the page. Its port is below those that the kernel gives to connections and to port 0 of others, so that it is free until it
// is used.
func (r *reader) address(t *testing.T, address string) string {
	t.Helper()
	for r.ports[address] == "" {
		free := fmt.Sprint("127.0.0.1:", 5000+rand.IntN(firstGivenPort(t)-5000))
		if _, isTaken := takenAddresses.LoadOrStore(free, true); isTaken {
			continue
		}
		if listener, err := net.Listen("tcp", free); err == nil {
			r.ports[address] = free
			listener.Close()
		}
	}
	return r.ports[address]
}

// takenAddresses are those of all readers.
var takenAddresses sync.Map

// firstGivenPort is the first port that the kernel chooses by itself, as far as there are some below.
func firstGivenPort(t *testing.T) int {
	t.Helper()
	first := 0
	if _, err := fmt.Sscan(readText(t, "/proc/sys/net/ipv4/ip_local_port_range"), &first); err != nil {
		t.Fatal(err)
	}
	return max(first, 6000)
}

// follow does what a block says.
func (r *reader) follow(t *testing.T, b block) {
	t.Helper()
	switch {
	case strings.HasPrefix(b.note, notRun):
	case b.language == "text":
		for line := range strings.Lines(b.text) {
			r.expect(t, strings.TrimSpace(line))
		}
	case b.language == "sh":
		r.run(t, b)
	case strings.Contains(b.note, "."):
		directory, err := os.ReadFile(filepath.Join(r.state, "directory"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(strings.TrimSpace(string(directory)), b.note), []byte(r.placed(t, b.text)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// run runs a block of commands, in a group of processes that ends with the test.
func (r *reader) run(t *testing.T, b block) {
	t.Helper()
	isTerminal := b.note == "terminal"
	script := "set -eu -o pipefail\ncd \"$(cat " + r.state + "/directory)\"\nset -a\n. " + r.state + "/variables\n" + r.placed(t, b.text)
	if !isTerminal {
		script += "\nexport -p > " + r.state + "/variables\npwd > " + r.state + "/directory\n"
	}
	output, err := os.Create(filepath.Join(r.state, fmt.Sprint("output", len(r.outputs))))
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	r.outputs = append(r.outputs, output.Name())
	before := r.subscriptions(t)
	command := exec.Command("bash", "-c", script)
	command.Env = append(environment([]string{envPrefix + "_URL=ws://" + r.address(t, "127.0.0.1:8080") + "/ws"}),
		"PATH="+filepath.Join(r.home, "bin")+":"+filepath.Dir(binary)+":"+os.Getenv("PATH"), "GOBIN="+filepath.Join(r.home, "bin"))
	command.Stdout, command.Stderr = output, output
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	t.Cleanup(func() { syscall.Kill(-command.Process.Pid, syscall.SIGKILL) })
	if !isTerminal {
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("got %v from the block\n%s", err, b.text)
			}
		case <-time.After(5 * patience):
			t.Errorf("got no end of the block\n%s", b.text)
		}
		return
	}
	r.until(t, b.text, func() bool {
		select {
		case err := <-ended:
			t.Fatalf("got the end of a terminal, %v, want it to go on:\n%s\n%s", err, b.text, r.printed())
		default:
		}
		switch {
		case strings.Contains(b.text, "spokehub serve"):
			return strings.Contains(readText(t, output.Name()), "listening")
		case strings.Contains(b.text, "spokehub sub"):
			return r.subscriptions(t) > before
		}
		return true
	})
}

// subscriptions is how many the hub of the page has, or 0 without one.
func (r *reader) subscriptions(t *testing.T) (count int) {
	t.Helper()
	out, err := exec.Command("curl", "-s", "http://"+r.address(t, "127.0.0.1:8081")+"/metrics").Output()
	if found := regexp.MustCompile(`(?m)^spokehub_subscriptions (\d+)`).FindSubmatch(out); err == nil && found != nil {
		fmt.Sscan(string(found[1]), &count)
	}
	return count
}

// expect waits until a line of the page was printed.
func (r *reader) expect(t *testing.T, line string) {
	t.Helper()
	pattern := strings.ReplaceAll(regexp.QuoteMeta(r.placed(t, line)), "…", ".*")
	want := regexp.MustCompile(`(?m)^\s*` + strings.Join(strings.Fields(pattern), `\s+`))
	r.until(t, line, func() bool { return want.MatchString(r.printed()) })
}

// until waits until something is so.
func (r *reader) until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for what the page says:\n%s\nall that was printed:\n%s", what, r.printed())
		}
	}
}

// printed is what all blocks have printed.
func (r *reader) printed() string {
	var all strings.Builder
	for _, name := range r.outputs {
		content, err := os.ReadFile(name)
		if err != nil {
			return err.Error()
		}
		all.Write(content)
	}
	return all.String()
}

func readText(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
