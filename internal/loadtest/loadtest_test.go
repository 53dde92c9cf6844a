package loadtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/internal/loadtest"
	"github.com/spokehub/spokehub/spoke"
)

// patience is how long a test waits for what has to come.
const patience = time.Minute

func startHub(t *testing.T, config fanout.Config) string {
	t.Helper()
	config.Relay, config.Logger = true, slog.New(slog.DiscardHandler)
	hub, err := fanout.New(config)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(hub)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		hub.Shutdown(ctx)
		server.Close()
	})
	return server.URL
}

// load is a small load.
func load(url string) loadtest.Config {
	return loadtest.Config{
		URL: url, Client: spoke.Config{Logger: slog.New(slog.DiscardHandler), CloseTimeout: time.Second},
		Connections: 7, Topics: 3, Publishers: 2, Rate: 200, Size: 100, Duration: 500 * time.Millisecond, Patience: patience,
	}
}

func TestAHubThatDeliversEverythingIsClean(t *testing.T) {
	result, err := loadtest.Run(t.Context(), load(startHub(t, fanout.Config{})))
	if err != nil {
		t.Fatal(err)
	}
	if !result.IsClean() || result.Published != 100 || result.Expected != 34*3+33*2+33*2 || result.Delivered != result.Expected || result.LostConnections != 0 {
		t.Errorf("got %+v, want 100 events, all delivered", result)
	}
	if l := result.Latency; l.P50 <= 0 || l.P50 > l.P99 || l.P99 > l.Max {
		t.Errorf("got latencies %+v, want them in order", l)
	}
	delivered := int64(0)
	for _, s := range result.Seconds {
		delivered += s.Delivered
	}
	if delivered != result.Delivered {
		t.Errorf("the seconds have %d deliveries, want %d", delivered, result.Delivered)
	}
}

// faulty is a hub of the test that acknowledges, and relays what change makes of each event, to all.
func faulty(t *testing.T, change func(number int, e event.Event) []event.Event) string {
	var mu sync.Mutex
	var all []*websocket.Conn
	number := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer ws.CloseNow()
		for {
			_, message, err := ws.Read(context.Background())
			if err != nil {
				return
			}
			mu.Lock()
			if e, err := event.Parse(message); err == nil {
				number++
				for _, changed := range change(number, e) {
					for _, to := range all {
						to.Write(context.Background(), websocket.MessageText, event.Append(nil, changed))
					}
				}
			} else {
				var control struct {
					Type, ID string
					Payload  struct{ Topics []string }
				}
				json.Unmarshal(message, &control)
				var topics [][]byte
				for _, topic := range control.Payload.Topics {
					topics = append(topics, []byte(topic))
				}
				if control.Type == event.TypeSubscribe {
					all = append(all, ws)
				}
				ws.Write(context.Background(), websocket.MessageText, event.AppendAck(nil, []byte(control.ID), topics))
			}
			mu.Unlock()
		}
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

func TestWhatAHubDoesWrongIsCounted(t *testing.T) {
	var held []event.Event
	for name, c := range map[string]struct {
		change                    func(int, event.Event) []event.Event
		lost, doubled, disordered int64
	}{
		"it loses one": {func(n int, e event.Event) []event.Event {
			if n == 5 {
				return nil
			}
			return []event.Event{e}
		}, 2, 0, 0},
		"it doubles one": {func(n int, e event.Event) []event.Event {
			if n == 5 {
				return []event.Event{e, e}
			}
			return []event.Event{e}
		}, 0, 2, 0},
		"it delays one": {func(n int, e event.Event) []event.Event {
			if n == 5 {
				held = []event.Event{e.Clone()}
				return nil
			}
			all := append([]event.Event{e}, held...)
			held = nil
			return all
		}, 0, 0, 2},
	} {
		t.Run(name, func(t *testing.T) {
			config := load(faulty(t, c.change))
			config.Connections, config.Topics, config.Publishers = 2, 1, 1
			config.Duration, config.Patience = 200*time.Millisecond, 5*time.Second
			result, err := loadtest.Run(t.Context(), config)
			if err != nil {
				t.Fatal(err)
			}
			if result.Lost != c.lost || result.Doubled != c.doubled || result.Disordered != c.disordered || result.IsClean() {
				t.Errorf("got %d lost, %d doubled, %d out of order, want %d, %d, %d", result.Lost, result.Doubled, result.Disordered, c.lost, c.doubled, c.disordered)
			}
		})
	}
}

func TestAnInterruptedRunStillReports(t *testing.T) {
	config := load(startHub(t, fanout.Config{}))
	config.Duration = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	config.Progress = func(p loadtest.Progress) {
		if p.Delivered > 0 {
			cancel()
		}
	}
	result, err := loadtest.Run(ctx, config)
	if err != nil || !result.Interrupted || result.Published == 0 || !result.IsClean() {
		t.Errorf("got %+v, %v, want a result that says that it was interrupted, and nothing lost", result, err)
	}
}

func TestWhatTheHubRefusesIsTheError(t *testing.T) {
	let := func(p *fanout.Permissions) string {
		return startHub(t, fanout.Config{OnHandshake: func(context.Context, *fanout.Handshake) (fanout.Identity, error) {
			return fanout.Identity{User: "ada", Permissions: p}, nil
		}})
	}
	for name, url := range map[string]string{
		"to subscribe": let(&fanout.Permissions{Publish: event.MustPatterns("*")}),
		"to publish":   let(&fanout.Permissions{Subscribe: event.MustPatterns("*")}),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := loadtest.Run(t.Context(), load(url))
			if refusal, ok := errors.AsType[*spoke.RejectError](err); !ok || refusal.Published != (name == "to publish") {
				t.Errorf("got %v, want a RejectError", err)
			}
		})
	}
	if _, err := loadtest.Run(t.Context(), load("ws://127.0.0.1:1")); err == nil {
		t.Error("got no error without a hub")
	} else if _, ok := errors.AsType[*spoke.ConnectError](err); !ok {
		t.Errorf("got %v, want a ConnectError", err)
	}
}

func TestAConfigurationThatIsWrongIsNamed(t *testing.T) {
	for field, change := range map[string]func(*loadtest.Config){
		"connections": func(c *loadtest.Config) { c.Connections = 0 },
		"topics":      func(c *loadtest.Config) { c.Topics = 8 },
		"publishers":  func(c *loadtest.Config) { c.Publishers = 0 },
		"rate":        func(c *loadtest.Config) { c.Rate = 0 },
		"size":        func(c *loadtest.Config) { c.Size = 10 },
		"duration":    func(c *loadtest.Config) { c.Duration = 0 },
		"patience":    func(c *loadtest.Config) { c.Patience = 0 },
	} {
		config := load("ws://127.0.0.1:1")
		change(&config)
		if _, err := loadtest.Run(t.Context(), config); err == nil || !strings.HasPrefix(err.Error(), field) {
			t.Errorf("%s: got %v, want an error that names it", field, err)
		}
	}
}

func TestThePageHasFiguresAndPlotsAndNothingFromOutside(t *testing.T) {
	result, err := loadtest.Run(t.Context(), load(startHub(t, fanout.Config{})))
	if err != nil {
		t.Fatal(err)
	}
	var page bytes.Buffer
	if err := loadtest.WritePage(&page, result); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(page.String(), "<svg"); got != 6 {
		t.Errorf("the page has %d plots, want 3, light and dark", got)
	}
	for _, outside := range []string{"<script", "<link", "src=", "@import", "url("} {
		if strings.Contains(page.String(), outside) {
			t.Errorf("the page has %q", outside)
		}
	}
}
