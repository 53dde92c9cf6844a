//go:build linux

package swarm

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

func TestMain(m *testing.M) {
	RunIfChild()
	os.Setenv("GORACE", "atexit_sleep_ms=0")
	os.Exit(m.Run())
}

const (
	fleetSpokes   = 12
	fleetMessages = 50
	fleetTimeout  = time.Minute
)

// plantedHub relays to every subscriber, and does to the one that subscribed first what it is told, once.
type plantedHub struct {
	mu     sync.Mutex
	plant  string
	spokes []*websocket.Conn
	events int
	held   []byte
}

func (h *plantedHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	upgrader := websocket.Upgrader{}
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	for {
		_, message, err := conn.ReadMessage()
		if err != nil {
			return
		}
		h.handle(conn, message)
	}
}

func (h *plantedHub) handle(conn *websocket.Conn, message []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var envelope struct{ Type, ID string }
	if json.Unmarshal(message, &envelope) != nil {
		return
	}
	if envelope.Type == "__subscribe" {
		h.spokes = append(h.spokes, conn)
		conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"__ack","id":"`+envelope.ID+`","payload":{"topics":["tick"]}}`))
		return
	}
	h.events++
	for i, spoke := range h.spokes {
		if i > 0 {
			spoke.WriteMessage(websocket.TextMessage, message)
			continue
		}
		for _, m := range h.planted(message) {
			spoke.WriteMessage(websocket.TextMessage, m)
		}
	}
}

// planted is what the first subscriber gets instead of a message.
func (h *plantedHub) planted(message []byte) [][]byte {
	const marked = 5
	switch {
	case h.plant == "loss" && h.events == marked:
		return nil
	case h.plant == "double" && h.events == marked:
		return [][]byte{message, message}
	case h.plant == "swap" && h.events == marked:
		h.held = message
		return nil
	case h.plant == "swap" && h.events == marked+1:
		return [][]byte{message, h.held}
	}
	return [][]byte{message}
}

func TestAFleetSeesWhatAServerDoes(t *testing.T) {
	for name, c := range map[string]struct {
		plant   string
		serving func(*testing.T, http.Handler) Server
		want    Faults
	}{
		"nothing":          {"", plainServer, Faults{}},
		"loss":             {"loss", plainServer, Faults{Lost: 1}},
		"double":           {"double", plainServer, Faults{Duplicated: 1}},
		"swap":             {"swap", plainServer, Faults{Reordered: 1}},
		"nothing over TLS": {"", secureServer, Faults{}},
		"loss over TLS":    {"loss", secureServer, Faults{Lost: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			want := c.want
			fleet := startTestFleet(t, 2)
			connectTestFleet(t, fleet, c.serving(t, &plantedHub{plant: c.plant}))
			err := fleet.Publish(Publication{
				Kind: PublishRate, Group: 0, Writers: 1, Topics: 1, Spokes: fleetSpokes, Size: 128, Rate: 2000,
			}, []int{0})
			if err != nil {
				t.Fatal(err)
			}
			await(t, func() bool { return fleet.Counters().Delivered(0) >= fleetSpokes*fleetMessages })
			report := finalReport(t, fleet, want.Lost)
			if report.Faults != want {
				t.Errorf("got %+v, want %+v (%s)", report.Faults, want, report.Example)
			}
			if report.Latency.Count() != int64(report.Delivered) {
				t.Errorf("got %d latencies, want one for each of %d events", report.Latency.Count(), report.Delivered)
			}
		})
	}
}

func TestI1OfTheWindowAFleetNeverHasMoreInFlight(t *testing.T) {
	hub := &plantedHub{}
	fleet := startTestFleet(t, 2)
	connectTestFleet(t, fleet, plainServer(t, hub))
	const window = 4
	err := fleet.Publish(Publication{
		Kind: PublishWindow, Group: 0, Writers: 1, Topics: 1, Spokes: fleetSpokes, Size: 128, Window: window,
	}, []int{0})
	if err != nil {
		t.Fatal(err)
	}
	await(t, func() bool {
		completed := fleet.Counters().Completed()
		hub.mu.Lock()
		ahead := int64(hub.events) - int64(fleet.Counters().Completed())
		hub.mu.Unlock()
		if ahead > window {
			t.Fatalf("got %d messages in flight, want at most %d", ahead, window)
		}
		return completed >= fleetMessages
	})
	if report := finalReport(t, fleet, 0); report.Faults.Sum() != 0 {
		t.Errorf("got %+v, want none", report.Faults)
	}
}

func startTestFleet(t *testing.T, processes int) *Fleet {
	t.Helper()
	fleet, err := StartFleet(processes, nil, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := fleet.Close(); err != nil {
			t.Error(err)
		}
	})
	return fleet
}

// plainServer serves for as long as the test runs.
func plainServer(t *testing.T, handler http.Handler) Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return Server{Address: server.Listener.Addr().String(), Path: "/ws"}
}

// secureServer does so over TLS.
func secureServer(t *testing.T, handler http.Handler) Server {
	t.Helper()
	return secureServerWith(t, handler, &tls.Config{})
}

func secureServerWith(t *testing.T, handler http.Handler, config *tls.Config) Server {
	t.Helper()
	certificate, key, err := NewCertificate()
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	config.Certificates = []tls.Certificate{pair}
	server := httptest.NewUnstartedServer(handler)
	server.TLS = config
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return Server{Address: server.Listener.Addr().String(), Path: "/ws", Certificate: string(certificate)}
}

func connectTestFleet(t *testing.T, fleet *Fleet, server Server) {
	t.Helper()
	subscribers := Plan{Server: server, Count: fleetSpokes, Topics: 1, Size: 128, Subscription: Subscription{Subscribe: true, Ack: true}}
	if _, err := fleet.Connect(subscribers, fleet.All()); err != nil {
		t.Fatal(err)
	}
	if _, err := fleet.Connect(Plan{Server: server, Group: 1, Count: 1, Size: 128}, []int{0}); err != nil {
		t.Fatal(err)
	}
}

// finalReport ends the publishers and waits until all but the lost events are there.
func finalReport(t *testing.T, fleet *Fleet, lost uint64) Report {
	t.Helper()
	sent, err := fleet.Pause()
	if err != nil {
		t.Fatal(err)
	}
	await(t, func() bool { return fleet.Counters().Delivered(0) >= sent[0]*fleetSpokes-lost })
	reports, err := fleet.Report(sent)
	if err != nil {
		t.Fatal(err)
	}
	return reports[0]
}

func await(t *testing.T, reached func() bool) {
	t.Helper()
	deadline := time.After(fleetTimeout)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !reached() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("got no end within %v", fleetTimeout)
		}
	}
}

func TestConnectSaysWhyAServerRefuses(t *testing.T) {
	for name, server := range map[string]Server{
		"a path that isn't there":        plainServer(t, http.NotFoundHandler()),
		"the same over TLS":              secureServer(t, http.NotFoundHandler()),
		"TLS that is too old":            secureServerWith(t, &plantedHub{}, &tls.Config{MaxVersion: tls.VersionTLS12}),
		"a certificate that isn't known": {Address: secureServer(t, &plantedHub{}).Address, Path: "/ws", Certificate: secureServer(t, &plantedHub{}).Certificate},
	} {
		t.Run(name, func(t *testing.T) {
			fleet := startTestFleet(t, 1)
			plan := Plan{Server: server, Count: 3, Topics: 1, Size: 128, Subscription: Subscription{Subscribe: true}}
			if opened, err := fleet.Connect(plan, fleet.All()); err == nil || opened.Ready != 0 {
				t.Errorf("got %+v, %v, want an error", opened, err)
			}
		})
	}
}

func TestSourceAddressesDiffer(t *testing.T) {
	seen := map[[4]byte]int{}
	for number := range 1 << 17 {
		address := SourceAddress(number)
		if earlier, twice := seen[address]; twice || address[0] != 127 || address[3] == 0 || address[3] == 255 {
			t.Fatalf("number %d: got %v (as number %d), want an address of its own in 127.0.0.0/8", number, address, earlier)
		}
		seen[address] = number
	}
}
