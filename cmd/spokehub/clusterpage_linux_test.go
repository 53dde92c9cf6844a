package main

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/internal/engines"
)

// awaitAnswer asks an address until the answer has a status and a text, and returns it.
func awaitAnswer(t *testing.T, url string, status int, part string) string {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		got, _, body := get(t, url)
		if got == status && strings.Contains(body, part) {
			return body
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %d and %q from %s for a minute, want %d with %q", got, body, url, status, part)
		}
	}
}

// clusterPage are the commands of docs/cluster.md, with the addresses of this test.
type clusterPage struct {
	text     string
	commands []string
}

func readClusterPage(t *testing.T) *clusterPage {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "cluster.md"))
	if err != nil {
		t.Fatal(err)
	}
	p := &clusterPage{text: string(page)}
	for _, line := range regexp.MustCompile(`(?m)^    (spokehub|nats-server|curl) (.*)$`).FindAllStringSubmatch(p.text, -1) {
		p.commands = append(p.commands, line[1]+" "+line[2])
	}
	return p
}

// take returns the next command, which begins as it should, with the addresses of the page replaced.
func (p *clusterPage) take(t *testing.T, beginning string, addresses *strings.Replacer) string {
	t.Helper()
	if len(p.commands) == 0 || !strings.HasPrefix(p.commands[0], beginning) {
		t.Fatalf("got the commands %q left on the page, want one that begins with %s", p.commands, beginning)
	}
	command := p.commands[0]
	p.commands = p.commands[1:]
	return addresses.Replace(command)
}

// serve starts a hub as a command of the page does, on a port of its own.
func (p *clusterPage) serve(t *testing.T, broker string) *process {
	t.Helper()
	command := p.take(t, "spokehub serve ", strings.NewReplacer("nats://127.0.0.1:4222", broker))
	command = regexp.MustCompile(`127\.0\.0\.1:808\d`).ReplaceAllString(strings.TrimPrefix(command, "spokehub serve "), "127.0.0.1:0")
	return startHubOn(t, nil, strings.Fields(command)...)
}

func TestCommandsOfThePageOfClustersRun(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		unavailable(t, "curl: %v", err)
	}
	p := readClusterPage(t)
	server := engines.NATS(t, engines.NATSOptions{})
	none := strings.NewReplacer()
	p.take(t, "nats-server ", none)
	a, b := p.serve(t, server.URL), p.serve(t, server.URL)
	addresses := strings.NewReplacer("ws://127.0.0.1:8080/ws", a.websocket, "http://127.0.0.1:8081/", a.admin, "http://127.0.0.1:8083/", b.admin)
	for _, hub := range []*process{a, b} {
		awaitAnswer(t, hub.admin+"readyz", http.StatusOK, "ready")
		awaitAnswer(t, hub.admin+"metrics", http.StatusOK, "spokehub_broker_nodes 2")
	}
	shell := func(command string) *exec.Cmd {
		c := exec.CommandContext(t.Context(), "bash", "-c", command)
		c.Env = append(environment(nil), "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"))
		return c
	}
	subscriber := shell(p.take(t, "spokehub sub ", addresses) + " --count 1")
	heard := make(chan string, 1)
	go func() {
		out, err := subscriber.Output()
		if err != nil {
			out = append(out, err.Error()...)
		}
		heard <- string(out)
	}()
	awaitAnswer(t, a.admin+"metrics", http.StatusOK, "spokehub_subscriptions 1")
	if out, err := shell(p.take(t, "curl ", addresses)).CombinedOutput(); err != nil {
		t.Fatalf("publish: %v\n%s", err, out)
	}
	if got := <-heard; !strings.Contains(got, "EURUSD") || !strings.Contains(got, "1.08") {
		t.Errorf("got %q from the subscriber, want the event", got)
	}
	out, err := shell(p.take(t, "curl ", addresses)).Output()
	if err != nil {
		t.Fatalf("ask for the nodes: %v", err)
	}
	var shown, is struct{ Nodes []map[string]any }
	block := regexp.MustCompile("(?s)```json\n(.*?)\n```").FindStringSubmatch(p.text)
	if block == nil || json.Unmarshal([]byte(strings.Replace(block[1], ",…]", "]", 1)), &shown) != nil || json.Unmarshal(out, &is) != nil {
		t.Fatalf("got %q on the page and %s, want nodes", block, out)
	}
	if len(is.Nodes) != 2 || is.Nodes[0]["node"] != "a" || is.Nodes[1]["node"] != "b" || !reflect.DeepEqual(shapeOf(is.Nodes[0]), shapeOf(shown.Nodes[0])) {
		t.Errorf("got the nodes %s, want a and b with the members that the page shows", out)
	}
	if len(p.commands) != 0 {
		t.Errorf("got %q left on the page, want all to be run", p.commands)
	}
}

func TestASecondHubOfOneNameIsNotReadyUntilTheFirstIsGone(t *testing.T) {
	server := engines.NATS(t, engines.NATSOptions{})
	first := startHub(t, nil, "--broker="+server.URL, "--node=a")
	awaitAnswer(t, first.admin+"nodes", http.StatusOK, `"node":"a"`)
	time.Sleep(5 * time.Second)
	second := startHub(t, nil, "--broker="+server.URL, "--node=a")
	awaitAnswer(t, second.admin+"readyz", http.StatusServiceUnavailable, `has the same name: give each its own: "a"`)
	if record := second.output.await(t, "another hub of the cluster has this one's name: give each its own (Config.Node, --node). The hub goes on, and is not ready"); record["level"] != "ERROR" || record["node"] != "a" {
		t.Errorf("got %v, want an error that names the node", record)
	}
	if status, _, body := get(t, second.page+"readyz"); status != http.StatusServiceUnavailable || body != "cut off from other hubs\n" {
		t.Errorf("got %d %q on the public address, want no word of what is wrong", status, body)
	}
	if status, _, body := get(t, first.admin+"readyz"); status != http.StatusOK {
		t.Errorf("got %d %q from the first, want it ready", status, body)
	}
	first.signal(t, os.Interrupt)
	awaitAnswer(t, second.admin+"readyz", http.StatusOK, "ready")
}

func TestNamesOfNodesThatAreNoneAreReported(t *testing.T) {
	_, stderr, code := runBinary(t, nil, "serve", "--admin=", "--listen=127.0.0.1:0", "--broker=nats://127.0.0.1:1", "--node=a b")
	if code != exitUsage || !strings.Contains(stderr, `--node: "a b" is no name`) || strings.Count(stderr, "\n") != 1 {
		t.Errorf("got %d and %q, want %d and one line with the flag", code, stderr, exitUsage)
	}
}
