package fanout_test

import (
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/fanout"
)

func TestConfigurationIsValidatedWithErrorsThatNameTheField(t *testing.T) {
	watchForLeaks(t)
	for field, bad := range map[string][]fanout.Config{
		"QueueLimit":               {{QueueLimit: -1}, {QueueLimit: 1023}, {QueueLimit: 1<<30 + 1}},
		"MaxMessage":               {{MaxMessage: -1}, {MaxMessage: 1<<30 + 1}},
		"MaxEvent":                 {{MaxEvent: -1}, {MaxEvent: 1<<30 + 1}},
		"MaxTopics":                {{MaxTopics: -1}},
		"MemoryBudget":             {{MemoryBudget: -1}, {MemoryBudget: 1<<20 - 1}},
		"MaxConnections":           {{MaxConnections: -1}},
		"MaxConnectionsPerAddress": {{MaxConnectionsPerAddress: -1}},
		"MaxHandshakesPerAddress":  {{MaxHandshakesPerAddress: -1}},
		"MaxHandshake":             {{MaxHandshake: -1}, {MaxHandshake: 1023}, {MaxHandshake: 1<<20 + 1}},
		"Hosts":                    {{Hosts: []string{"https://hub.example"}}, {Hosts: []string{"hub.example:80"}}, {Hosts: []string{""}}},
		"MaxEventsPerSecond":       {{MaxEventsPerSecond: -1}},
		"MaxBytesPerSecond":        {{MaxBytesPerSecond: -1}},
		"MaxControlsPerSecond":     {{MaxControlsPerSecond: -1}},
		"Reactors":                 {{Reactors: -1}, {Reactors: 65}},
		"Workers":                  {{Workers: -1}, {Workers: 1<<20 + 1}},
		"Engine":                   {{Engine: fanout.EngineGoroutine + 1}},
		"SendBuffer":               {{SendBuffer: -1}, {SendBuffer: 1}},
		"UnsentLimit":              {{UnsentLimit: 1}},
		"HandshakeTimeout":         {{HandshakeTimeout: -1}, {HandshakeTimeout: time.Millisecond}, {HandshakeTimeout: 25 * time.Hour}},
		"FirstByteTimeout":         {{FirstByteTimeout: -1}, {FirstByteTimeout: time.Millisecond}},
		"PingInterval":             {{PingInterval: time.Millisecond}, {PingInterval: 25 * time.Hour}},
		"PeerTimeout":              {{PeerTimeout: -1}, {PeerTimeout: 25 * time.Second}, {PingInterval: time.Minute, PeerTimeout: time.Minute}},
		"CloseTimeout":             {{CloseTimeout: -1}, {CloseTimeout: time.Millisecond}},
		"DrainGrace":               {{DrainGrace: -1}},
		"DrainPeriod":              {{DrainPeriod: -1}, {DrainPeriod: 25 * time.Hour}},
		"Path":                     {{Path: "ws"}, {Path: "/w s"}, {Path: "/ws?x"}},
		"Origins":                  {{Origins: []string{"app.example"}}, {Origins: []string{"https://a.*.example"}}},
		"Subprotocols":             {{Subprotocols: []string{"a b"}}, {Subprotocols: []string{"a", "a"}}},
	} {
		for _, cfg := range bad {
			hub, err := fanout.New(cfg)
			if err == nil {
				hub.Shutdown(t.Context())
				t.Errorf("%s: got no error for %+v, want one", field, cfg)
				continue
			}
			if !strings.Contains(err.Error(), "Config."+field+":") {
				t.Errorf("%s: got the error %q, want it to name the field", field, err)
			}
		}
	}
}

func TestConfigurationTakesTheEdgesOfItsRanges(t *testing.T) {
	for name, cfg := range map[string]fanout.Config{
		"nothing at all": {},
		"the least": {QueueLimit: 1024, MaxMessage: 1, MaxTopics: 1, MemoryBudget: 1 << 20, MaxConnections: 1, MaxHandshake: 1024, Reactors: 1, Workers: 1,
			SendBuffer: 1024, UnsentLimit: -1, HandshakeTimeout: 100 * time.Millisecond, FirstByteTimeout: 100 * time.Millisecond,
			PingInterval: 200 * time.Millisecond, PeerTimeout: 300 * time.Millisecond, CloseTimeout: 100 * time.Millisecond, DrainGrace: 1, DrainPeriod: 1},
		"no pings": {PingInterval: -1, PeerTimeout: 200 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			watchForLeaks(t)
			hub, err := fanout.New(cfg)
			if err != nil {
				t.Fatalf("got %v, want a hub", err)
			}
			if err := hub.Shutdown(t.Context()); err != nil {
				t.Errorf("shutdown: %v", err)
			}
		})
	}
}

func TestEnginesAreKnownByName(t *testing.T) {
	for _, engine := range append(engines, fanout.EngineDefault) {
		got, err := fanout.ParseEngine(engine.String())
		if err != nil || got != engine {
			t.Errorf("got %v and %v for %q, want %v", got, err, engine.String(), engine)
		}
	}
	if _, err := fanout.ParseEngine("kqueue"); err == nil {
		t.Error("got no error for an engine that there is not, want one")
	}
}

func TestCausesSayWhatHappened(t *testing.T) {
	seen := map[string]bool{}
	for kind := fanout.CausePeerClosed; kind <= fanout.CauseInternal; kind++ {
		text := kind.String()
		if text == "" || seen[text] || strings.HasPrefix(text, "cause ") {
			t.Errorf("got %q for kind %d, want words of its own", text, kind)
		}
		seen[text] = true
	}
	expect(t, "an unknown kind", fanout.CauseKind(99).String(), "cause 99")
	expect(t, "all parts", fanout.Cause{Kind: fanout.CauseClosed, Code: 1000, Reason: "bye", Err: fanout.ErrClosed}.String(), "closed (1000): bye: hub is closed")
}

func TestConfigReactorsDefaultToAllCoresButOneAndToBothOfTwo(t *testing.T) {
	watchForLeaks(t)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for cores, want := range map[int]int{1: 1, 2: 2, 3: 2, 4: 3, 16: 15} {
		runtime.GOMAXPROCS(cores)
		hub, err := fanout.New(fanout.Config{})
		if err != nil {
			t.Fatal(err)
		}
		expect(t, "reactors on "+strconv.Itoa(cores)+" cores", hub.Stats().Reactors, want)
		if err := hub.Shutdown(t.Context()); err != nil {
			t.Errorf("shutdown: got %v, want none", err)
		}
	}
}
