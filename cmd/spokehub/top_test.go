package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
)

func TestTopPrintsOnceWhatIsTrue(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil, "--max-connections=5000")
	subscriber := connect(t, hub.websocket)
	subscriber.subscribe(t, "news", "price")
	post(t, hub.admin+"publish", "", `{"type":"news"}`)
	subscriber.receive(t)
	hub.awaitStatus(t, "a sample and topics", func(a statusAnswer) bool { return len(a.Samples) > 0 && len(a.Topics) == 2 })
	for name, arguments := range map[string][]string{"with --once": {"--once"}, "without a terminal": nil} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := runBinary(t, nil, append([]string{"top", "--admin", hub.admin}, arguments...)...)
			if code != exitOK || stderr != "" {
				t.Fatalf("got exit code %d and %q, want 0", code, stderr)
			}
			for _, want := range []string{"spokehub ", "connections    1 of 5,000 ", "subscriptions  2 ", "drops          none", "memory         ", " subscriptions ", "\ntopics\n", "news             1", "price            1"} {
				if !strings.Contains(stdout, want) {
					t.Errorf("got no %q, want it:\n%s", want, stdout)
				}
			}
			if strings.Contains(stdout, "…") || !strings.Contains(stdout, "blocked") {
				t.Errorf("got a line that is cut, want all of it where no terminal has an end:\n%s", stdout)
			}
			if strings.Contains(stdout, "\x1b") {
				t.Errorf("got an escape sequence, want plain text:\n%q", stdout)
			}
		})
	}
}

func TestTopSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	key, line := newAPIKey(t, "top")
	stranger, _ := newAPIKey(t, "top")
	hub := startHub(t, nil, "--api-keys="+writeFile(t, "keys", line+"\n"))
	other := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	odd := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"a":1}`) }))
	t.Cleanup(odd.Close)
	for name, c := range map[string]struct {
		arguments []string
		code      int
		says      string
	}{
		"nothing with the key":           {[]string{"--admin=" + hub.admin, "--api-key-file=" + writeFile(t, "key", key+"\n")}, exitOK, ""},
		"that a key is asked for":        {[]string{"--admin=" + hub.admin}, exitRefused, "--api-key-file"},
		"that the key is not known":      {[]string{"--admin=" + hub.admin, "--api-key-file=" + writeFile(t, "key", stranger)}, exitRefused, "--api-key-file"},
		"that the file is missing":       {[]string{"--admin=" + hub.admin, "--api-key-file=/does/not/exist"}, exitUsage, "--api-key-file"},
		"that there is no hub":           {[]string{"--admin=127.0.0.1:1"}, exitUnreachable, "is that its --admin?"},
		"that it is something else":      {[]string{"--admin=" + other.URL}, exitUnreachable, "404 Not Found, want an answer of the admin address of a hub, which is that of its --admin"},
		"that the answer is odd":         {[]string{"--admin=" + odd.URL}, exitUnreachable, "not that of a hub"},
		"that the address is none":       {[]string{"--admin=ftp://a"}, exitUsage, "--admin"},
		"that the interval is too short": {[]string{"--interval=1ms"}, exitUsage, "--interval"},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := runBinary(t, nil, append([]string{"top", "--once"}, c.arguments...)...)
			if code != c.code || !strings.Contains(stderr, c.says) || (code != exitOK) != (strings.Count(stderr, "\n") == 1) {
				t.Errorf("got exit code %d, %q and %q, want %d and one line with %q", code, stdout, stderr, c.code, c.says)
			}
		})
	}
}

// terminal is a program in a terminal of tmux.
type terminal struct{ socket string }

// startTerminal runs the binary in a terminal of that size.
func startTerminal(t *testing.T, width, height int, arguments ...string) *terminal {
	t.Helper()
	foreign(t)
	if _, err := exec.LookPath("tmux"); err != nil {
		unavailable(t, "tmux is not installed")
	}
	directory, err := os.MkdirTemp("", "tmux")
	if err != nil {
		t.Fatal(err)
	}
	s := &terminal{filepath.Join(directory, "s")}
	t.Cleanup(func() {
		exec.Command("tmux", "-S", s.socket, "kill-server").Run()
		os.RemoveAll(directory)
	})
	s.tmux(t, append([]string{"-f", "/dev/null", "new-session", "-d", "-x", fmt.Sprint(width), "-y", fmt.Sprint(height), binary}, arguments...)...)
	return s
}

func (s *terminal) tmux(t *testing.T, arguments ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "tmux", append([]string{"-u", "-S", s.socket}, arguments...)...)
	command.Env = append(environment(nil), "LC_ALL=C.UTF-8", "TERM=xterm-256color")
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("tmux %v: %v: %s", arguments, err, out)
	}
	return string(out)
}

// await returns the screen once it is as a test wants it.
func (s *terminal) await(t *testing.T, what string, is func(screen string) bool) string {
	t.Helper()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for end := time.After(patience); ; {
		screen := s.tmux(t, "capture-pane", "-p")
		if is(screen) {
			return screen
		}
		select {
		case <-again.C:
		case <-end:
			t.Fatalf("got the screen\n%s\nwant %s", screen, what)
		}
	}
}

func (s *terminal) shows(t *testing.T, want string) {
	t.Helper()
	s.await(t, want, func(screen string) bool { return strings.Contains(screen, want) })
}

func (s *terminal) press(t *testing.T, key string) {
	t.Helper()
	s.tmux(t, "send-keys", key)
}

func TestTopInATerminal(t *testing.T) {
	t.Parallel()
	hub := startHubOn(t, nil, "--listen=127.0.0.1:0", "--admin="+ownLoopback()+":0")
	first, second := connect(t, hub.websocket), connect(t, hub.websocket)
	first.subscribe(t, "news", "price")
	second.subscribe(t, "news")
	screen := startTerminal(t, 100, 40, "top", "--interval=200ms", "--admin="+hub.admin)
	screen.shows(t, "connections    2 of")
	lineOf := func(screen, word string) int {
		return slices.IndexFunc(strings.Split(screen, "\n"), func(line string) bool { return strings.HasPrefix(line, word) })
	}
	screen.await(t, "news above price", func(screen string) bool {
		return lineOf(screen, "news") > 0 && lineOf(screen, "news") < lineOf(screen, "price")
	})

	screen.shows(t, "latencies (the arrows sort it)")
	screen.press(t, "Tab")
	screen.shows(t, "reactors (the arrows sort it)")
	screen.press(t, "Tab")
	screen.shows(t, "topics (the arrows sort it)")
	screen.press(t, "Right")
	screen.shows(t, "topic ▼")
	screen.press(t, "Up")
	screen.await(t, "price above news", func(screen string) bool {
		return strings.Contains(screen, "topic ▲") && lineOf(screen, "price") < lineOf(screen, "news")
	})
	screen.press(t, "Right")
	screen.await(t, "news above price again", func(screen string) bool {
		return strings.Contains(screen, "subscribers ▼") && lineOf(screen, "news") < lineOf(screen, "price")
	})

	screen.press(t, "p")
	screen.shows(t, "paused, p goes on")
	third := connect(t, hub.websocket)
	third.subscribe(t, "chat")
	hub.awaitStatus(t, "three connections", func(a statusAnswer) bool { return a.Gauges["connections"] == 3 })
	screen.shows(t, "connections    2 of")
	screen.press(t, "p")
	screen.shows(t, "connections    3 of")

	screen.tmux(t, "resize-window", "-x", "60", "-y", "12")
	screen.await(t, "12 lines with the keys in the last one", func(screen string) bool {
		lines := strings.Split(strings.TrimRight(screen, "\n"), "\n")
		return len(lines) <= 12 && strings.HasPrefix(lines[len(lines)-1], "q quit") && !strings.Contains(screen, "news")
	})
	screen.tmux(t, "resize-window", "-x", "110", "-y", "40")
	screen.shows(t, "news")

	hub.terminate(t)
	screen.shows(t, "no answer since ")
	screen.shows(t, "connection refused")
	startHubOn(t, nil, "--listen=127.0.0.1:0", "--admin="+strings.Trim(strings.TrimPrefix(hub.admin, "http:"), "/"))
	screen.shows(t, "the hub was restarted")
	screen.await(t, "no complaint", func(screen string) bool {
		return !strings.Contains(screen, "no answer") && strings.Contains(screen, "connections    0 of")
	})
	screen.tmux(t, "set-option", "-g", "remain-on-exit", "on")
	screen.press(t, "q")
	screen.await(t, "the end of the program", func(string) bool {
		return strings.TrimSpace(screen.tmux(t, "display-message", "-p", "#{pane_dead}")) == "1"
	})
}

func TestTopTablesHaveWhatTheHubTells(t *testing.T) {
	table, err := readTable("slow", json.RawMessage(`[
		{"id": 7, "user": "ada", "queued_bytes": 2048, "since": "2026-11-28T10:00:00Z", "topic": "2026-11-28T10:00:00Z"},
		{"id": 12, "user": "\u001b[31mbob\u202e", "queued_bytes": 5, "lagging": true}]`))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 28, 10, 0, 5, 0, time.UTC)
	for name, c := range map[string]struct {
		order topOrder
		want  []string
	}{
		"as told": {topOrder{}, []string{
			"id  user        queued  since   topic                 lagging",
			" 7  ada        2.0 KiB  5s ago  2026-11-28T10:00:00Z",
			"12  �[31mbob�      5 B                                yes"}},
		"by a number": {topOrder{column: "id"}, []string{
			"id ▼  user        queued  since   topic                 lagging",
			"  12  �[31mbob�      5 B                                yes",
			"   7  ada        2.0 KiB  5s ago  2026-11-28T10:00:00Z"}},
		"by a text, the other way": {topOrder{column: "user", reversed: true}, []string{
			"id  user ▲      queued  since   topic                 lagging",
			" 7  ada        2.0 KiB  5s ago  2026-11-28T10:00:00Z",
			"12  �[31mbob�      5 B                                yes"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := table.lines(c.order, now); !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
	for _, text := range []string{`{}`, `[1]`, `[{"a":]`} {
		if got, err := readTable("slow", json.RawMessage(text)); err == nil {
			t.Errorf("%s: got %v, want an error", text, got)
		}
	}
}

func TestTopKeepsToItsSize(t *testing.T) {
	view := topView{}
	answer := &topAnswer{}
	for n := range uint64(500) {
		answer.Samples = append(answer.Samples, sample{N: n + 1, Rates: sampleRates{Deliveries: float64(n)}})
	}
	answer.Process.Version = strings.Repeat("v", 200)
	answer.lists = []topTable{{name: "topics", columns: []string{"topic"}, rows: []map[string]any{{"topic": strings.Repeat("宽", 300)}}}}
	view.take(answer)
	if len(view.samples) != keptSamples || view.since() != 500 {
		t.Errorf("got %d samples up to %d, want the last %d", len(view.samples), view.since(), keptSamples)
	}
	for _, size := range [][2]int{{20, 5}, {80, 24}, {300, 100}} {
		lines := strings.Split(view.text(size[0], size[1], plainLook), "\n")
		if len(lines) > size[1] {
			t.Errorf("got %d lines, want at most %d", len(lines), size[1])
		}
		for _, line := range lines {
			if got := ansi.StringWidth(line); got > size[0] {
				t.Errorf("got a line %d wide, want at most %d: %s", got, size[0], line)
			}
		}
	}
}

func TestTopShowsTheChosenTableOnASmallScreen(t *testing.T) {
	view := topView{samples: make([]sample, 60)}
	view.samples[59].Rates.Deliveries = 781
	answer := &topAnswer{}
	for _, name := range []string{"latencies", "topics", "slow"} {
		table := topTable{name: name, columns: []string{"of"}}
		for n := range 10 {
			table.rows = append(table.rows, map[string]any{"of": fmt.Sprint(name, " row ", n)})
		}
		answer.lists = append(answer.lists, table)
	}
	view.take(answer)
	for _, name := range []string{"latencies", "topics", "slow", "latencies"} {
		if got := view.text(80, 26, plainLook); !strings.Contains(got, name+" (the arrows sort it)") || !strings.Contains(got, name+" row 9") || !strings.Contains(got, "781/s at most\n") {
			t.Errorf("got no whole table %s below the numbers:\n%s", name, got)
		}
		view.choose(1)
	}
	if got := view.text(80, 100, plainLook); !strings.Contains(got, "\nlatencies\n") {
		t.Errorf("got no table latencies where there is room for all:\n%s", got)
	}
}

func TestTopAsksAnotherProcessForAll(t *testing.T) {
	view := topView{}
	first, second := &topAnswer{}, &topAnswer{}
	first.Process.Instance, second.Process.Instance = "a", "b"
	first.Samples = []sample{{N: 41}, {N: 42}}
	if view.take(first) {
		t.Error("got a second question after the first answer, want none")
	}
	if !view.take(second) || view.since() != 0 || !view.restarted {
		t.Errorf("got the view %+v, want one that asks for all samples of another process", view)
	}
	second.Samples = []sample{{N: 1}}
	if view.take(second) || view.since() != 1 {
		t.Errorf("got the view %+v, want one with sample 1", view)
	}
}

// TestTopTellsWhatIsWrongToItsEnd: the cause stands last in an error.
func TestTopTellsWhatIsWrongToItsEnd(t *testing.T) {
	answer := &topAnswer{}
	answer.Process.Unready = "the broker has been away for 13s: dial tcp 127.0.0.1:6379: connect: no route to host"
	answer.Broker = &statusBroker{Error: "no connection to Redis: dial tcp 127.0.0.1:6379: connect: out of sockets"}
	view := topView{}
	view.take(answer)
	view.fail("dial tcp 127.0.0.1:8081: connect: connection refused: is the hub running?", time.Now())
	text := view.text(40, 24, plainLook)
	for _, want := range []string{"no route to host", "out of sockets", "is the hub running?"} {
		if !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
			t.Errorf("got no %q, want it:\n%s", want, text)
		}
	}
}
