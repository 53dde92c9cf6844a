package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/spokehub/spokehub/event"
)

// openBoard loads the dashboard and waits until it shows something.
func openBoard(t *testing.T, browser context.Context, address string) appTab {
	t.Helper()
	opened := appTab{openAnyTab(t, browser, address)}
	opened.awaitState(t, "live")
	return opened
}

// awaitState waits until the page says that the hub answers, or that it does not.
func (a appTab) awaitState(t *testing.T, state string) {
	t.Helper()
	a.waitsFor(t, "the state "+state, `document.body?.dataset.state === %q`, state)
}

// shows waits until a text of the page is as it should be.
func (a appTab) shows(t *testing.T, selector, want string) {
	t.Helper()
	a.waitsFor(t, selector+" to show "+want, "document.querySelector(%q)?.textContent.includes(%q)", selector, want)
}

// waitsFor waits until an expression is true in the page.
func (a appTab) waitsFor(t *testing.T, what, format string, arguments ...any) {
	t.Helper()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for end := time.After(patience); a.run(t, "Boolean("+format+")", arguments...) != "true"; {
		select {
		case <-again.C:
		case <-end:
			t.Fatalf("got a page that does not come to what it should: %s; it has %s", what, a.run(t, "document.body.innerText"))
		}
	}
}

// dress gives the tab a width and a colour scheme.
func (a appTab) dress(t *testing.T, width int64, scheme string) {
	t.Helper()
	behind(t, a, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 1500, DeviceScaleFactor: 1})
	behind(t, a, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
}

// isWhole fails the test if the page scrolls sideways or the browser has complained.
func (a appTab) isWhole(t *testing.T, width int64) {
	t.Helper()
	if got := a.run(t, "document.documentElement.scrollWidth"); got != fmt.Sprint(width) {
		t.Errorf("got a page %s pixels wide, want %d", got, width)
	}
	if faults := a.faults(); len(faults) > 0 {
		t.Errorf("got from the browser %q, want no complaint", faults)
	}
}

// hostile is a name that is a script where it is taken for HTML.
const hostile = `<img src=x onerror="document.title='broken'">`

func TestDashboardShowsWhatIsTrue(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	hub := startHub(t, nil, "--max-connections=500")
	subscriber, other := connect(t, hub.websocket), connect(t, hub.websocket)
	subscriber.subscribe(t, "news")
	subscriber.send(t, event.Event{Type: "__subscribe", Payload: fmt.Appendf(nil, `{"topics":[%q]}`, hostile)})
	other.subscribe(t, "news")
	go func() {
		again := time.NewTicker(20 * time.Millisecond)
		defer again.Stop()
		for t.Context().Err() == nil {
			if other.conn.Write(t.Context(), 1, event.Append(nil, event.Event{Type: "chat"})) != nil {
				return
			}
			<-again.C
		}
	}()
	board := openBoard(t, browser, hub.admin)
	board.shows(t, `[data-tile="connections"]`, "2")
	board.shows(t, `#tiles div:first-child small`, "of 500")
	board.shows(t, `[data-tile="subscriptions"]`, "3")
	board.shows(t, "#topics tr:nth-child(2)", "news2")
	board.shows(t, "#topics tr:nth-child(3)", hostile)
	board.waitsFor(t, "a rate of events of clients", `parseFloat(document.querySelector('[data-tile="events_in"]').textContent) > 5`)
	board.waitsFor(t, "the plot of events", `document.querySelector('[data-plot="events"] path.s1').getAttribute("d").split("L").length > 3`)
	board.shows(t, `[data-plot="connections"] [data-series="open"]`, "2")
	board.waitsFor(t, "memory of subscriptions", `parseFloat(document.querySelector('[data-kind="subscriptions"] .number').textContent) > 0`)
	board.waitsFor(t, "the budget", `/^[\d.,]+ .*B of [\d.]+ [MG]iB/.test(document.querySelector("#memory-sum").textContent)`)
	board.expect(t, "Spokehub, for operators", "document.title")
	for _, panel := range []string{"reactors", "slow", "latencies", "nodes", "broker"} {
		board.expect(t, "true", `document.querySelector('[data-panel="%s"]').hidden || %t`, panel, panel == "reactors" || panel == "latencies" || panel == "slow")
	}
	board.run(t, `document.querySelector("#all summary").click()`)
	board.shows(t, "#counters", "subscriptions3")

	board.do(t, fill("#type", "news"), fill("#payload", `{"n": 12345678901234567890}`), chromedp.Click(`#publish button`), chromedp.Click("#confirm-no"))
	board.expect(t, "", `document.querySelector("#publish-hint").textContent`)
	board.do(t, chromedp.Click(`#publish button`), chromedp.Click("#confirm-yes"))
	board.shows(t, "#publish-hint", "Published to 2 subscribers.")
	if got, want := subscriber.receive(t), string(event.Append(nil, event.Event{Type: "news", Payload: []byte(`{"n": 12345678901234567890}`)})); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	board.do(t, fill("#payload", `{`), chromedp.Click(`#publish button`), chromedp.WaitVisible(`#payload[aria-invalid="true"]`))

	for _, width := range []int64{390, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			board.dress(t, width, scheme)
			board.waitsFor(t, "plots of the width", `[...document.querySelectorAll(".plot svg[role=img]")].every((svg) => svg.scrollWidth <= %d)`, width)
			board.run(t, "scrollTo(0, 0)")
			board.screenshot(t, filepath.Join(screenshots(t), fmt.Sprintf("dashboard-%d-%s.png", width, scheme)))
			board.isWhole(t, width)
		}
	}
}

func TestDashboardPlotsTellTheValueThatIsPointedAt(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	hub := startHub(t, nil)
	connect(t, hub.websocket)
	board := openBoard(t, browser, hub.admin)
	board.shows(t, `[data-plot="connections"] .when`, "now")
	board.waitsFor(t, "three samples", `document.querySelector('[data-plot="connections"] path.s0')?.getAttribute("d").split("L").length >= 3`)
	plot := `document.querySelector('[data-plot="connections"] svg[role=img]')`
	board.run(t, "%s.focus()", plot)
	board.run(t, `%s.dispatchEvent(new KeyboardEvent("keydown", { key: "Home" }))`, plot)
	board.shows(t, `[data-plot="connections"] .when`, "at ")
	board.waitsFor(t, "a label with the value", `%s.getAttribute("aria-label").match(/^Connections at \d\d:\d\d:\d\d: open \d/)`, plot)
	board.run(t, `%s.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }))`, plot)
	board.shows(t, `[data-plot="connections"] .when`, "now")
	board.run(t, `((plot) => { const box = plot.getBoundingClientRect(); plot.dispatchEvent(new PointerEvent("pointermove", { clientX: box.left + 1, clientY: box.top + 9 })) })(%s)`, plot)
	board.shows(t, `[data-plot="connections"] .when`, "at ")
	board.isWhole(t, 1200)
}

func TestDashboardSaysThatTheHubIsAwayAndComesBack(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	address := ownLoopback() + ":0"
	hub := startHubOn(t, nil, "--listen=127.0.0.1:0", "--admin="+address)
	board := openBoard(t, browser, hub.admin)
	hub.terminate(t)
	board.awaitState(t, "away")
	board.shows(t, "#away", "The hub does not answer since ")
	board.shows(t, "#state", "No answer")
	board.screenshot(t, filepath.Join(screenshots(t), "dashboard-away.png"))
	startHubOn(t, nil, "--listen=127.0.0.1:0", "--admin="+strings.Trim(strings.TrimPrefix(hub.admin, "http:"), "/"))
	board.awaitState(t, "live")
	board.do(t, chromedp.WaitNotVisible("#away"), chromedp.WaitVisible("#restarted"))
	board.shows(t, "#restarted-words", "the hub was restarted at")
	board.waitsFor(t, "samples of the other process", `document.querySelector('[data-plot="connections"] .when').textContent === "now"`)
	board.do(t, chromedp.Click("#dismiss"), chromedp.WaitNotVisible("#restarted"))
}

func TestDashboardAsksForAnAPIKeyOnce(t *testing.T) {
	t.Parallel()
	key, line := newAPIKey(t, "board")
	browser := startBrowser(t)
	hub := startHub(t, nil, "--api-keys="+writeFile(t, "keys", line+"\n"))
	board := appTab{openAnyTab(t, browser, hub.admin)}
	board.do(t, chromedp.WaitVisible("#key"), fill("#key-field", "wrong"), chromedp.Click("#key-form .primary"))
	board.shows(t, "#key-words", "does not know this API key")
	board.do(t, chromedp.WaitVisible("#key"), fill("#key-field", "ключ"), chromedp.Click("#key-form .primary"))
	board.shows(t, "#key-words", "has a character that a browser can't send")
	board.expect(t, "true", `document.querySelector("#away").hidden`)
	board.do(t, chromedp.WaitVisible("#key"), fill("#key-field", key), chromedp.Click("#key-form .primary"))
	board.awaitState(t, "live")
	board.do(t, chromedp.WaitNotVisible("#locked"))
	board.do(t, fill("#type", "news"), chromedp.Click(`#publish button`), chromedp.Click("#confirm-yes"))
	board.shows(t, "#publish-hint", "Published to 0 subscribers.")
	board.do(t, chromedp.Reload())
	board.awaitState(t, "live")
	board.do(t, chromedp.WaitNotVisible("#key"))
	board.expect(t, "null", `localStorage.getItem("spokehub-api-key")`)
}

// scripted is an admin address whose answers a test makes.
type scripted struct {
	mu     sync.Mutex
	asked  int
	posted []string
	// instance is the process that answers, and gone says that whom it is to disconnect is not there any more.
	instance string
	gone     bool
	// status is that of the answer, 0 for 200.
	status int
}

// change has another answer come from now on.
func (s *scripted) change(to func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	to()
}

func (s *scripted) questions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// startScriptedBoard serves the dashboard with an answer of GET /status that has more.
func startScriptedBoard(t *testing.T, more map[string]any) (*scripted, string) {
	t.Helper()
	s := &scripted{instance: "a"}
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", newDashboard())
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		s.asked++
		instance, status := s.instance, s.status
		s.mu.Unlock()
		if status != 0 {
			w.WriteHeader(status)
			return
		}
		answer := map[string]any{
			"process": statusProcess{Version: "v1", Instance: instance, Engine: "easygo"}, "gauges": map[string]int{}, "counters": map[string]int{},
			"memory": statusMemory{Kinds: []memoryKind{}}, "queues": statusQueues{}, "samples": []sample{},
		}
		answer["gauges"] = map[string]int{"connections": 0, "subscriptions": 0, "topics": 0}
		for name, value := range more {
			answer[name] = value
		}
		json.NewEncoder(w).Encode(answer)
	})
	mux.HandleFunc("POST /disconnect", func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		json.NewDecoder(r.Body).Decode(&body)
		s.mu.Lock()
		s.posted = append(s.posted, fmt.Sprint(body["id"]))
		disconnected := 1
		if s.gone {
			disconnected = 0
		}
		s.mu.Unlock()
		json.NewEncoder(w).Encode(map[string]any{"node": "n", "disconnected": disconnected})
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return s, server.URL
}

func TestDashboardShowsWhatAnAnswerHasBesides(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	now := time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC)
	s, address := startScriptedBoard(t, map[string]any{
		"reactors": []any{map[string]any{"reactor": 0, "connections": 51234, "queued_bytes": 2048}, map[string]any{"reactor": 1, "connections": 7, "queued_bytes": 0}},
		"slow":     []any{map[string]any{"id": 77, "user": hostile, "address": "192.0.2.7:999", "queued_bytes": 1 << 20, "cause": ""}},
		"process":  statusProcess{Version: "v1", Instance: "a", Engine: "easygo", Now: now},
		"memory":   statusMemory{Kinds: []memoryKind{{"queues", 1 << 20}, {"streams", 3 << 20}}, Total: 4 << 20, Budget: 6 << 30},
		"nodes":    []nodeAnswer{{Node: hostile, Self: true, Connections: 3, Heard: now}, {Node: "b", Version: "v2", Heard: now.Add(-7 * time.Second)}},
		"broker":   statusBroker{Up: false, Error: "connection refused"},
	})
	board := openBoard(t, browser, address)
	board.shows(t, "#reactors tr:nth-child(2)", "51,2342 KiB")
	board.shows(t, "#slow tr:nth-child(2)", "1 MiB")
	board.shows(t, "#slow tr:nth-child(2)", hostile)
	board.shows(t, "#nodes tr:nth-child(2)", hostile+" (this one)")
	board.shows(t, "#nodes tr:nth-child(3)", "7 s ago")
	board.expect(t, "75%", `document.querySelector('[data-kind="streams"] .bar div').style.width`)
	board.expect(t, "address,id,queued,user,", `[...document.querySelectorAll("#slow th")].map((head) => head.textContent).join()`)
	board.shows(t, "#broker", "awaySince")
	board.shows(t, "#broker", "connection refused")
	for _, answer := range []string{"#confirm-no", "#confirm-yes"} {
		board.do(t, chromedp.Click("#slow button"))
		board.shows(t, "#confirm-words", hostile)
		board.do(t, chromedp.Click(answer))
	}
	board.shows(t, "#slow-hint", "was disconnected")
	s.mu.Lock()
	defer s.mu.Unlock()
	if fmt.Sprint(s.posted) != "[77]" {
		t.Errorf("got the disconnected clients %v, want 77 once", s.posted)
	}
	board.expect(t, "true", `document.querySelector("img") === null`)
	board.dress(t, 1280, "light")
	board.expect(t, "true", `document.querySelector(".wide").getBoundingClientRect().top >= 14 + Math.max(...[...document.querySelectorAll(".panels .card:not(.wide)")].map((card) => card.getBoundingClientRect().bottom))`)
	board.dress(t, 390, "light")
	board.isWhole(t, 390)
	board.expect(t, "", `[...document.querySelectorAll("button, summary, nav a, input, textarea")].filter((e) => e.offsetHeight > 0 && e.offsetHeight < 44).map((e) => e.textContent || e.id).join()`)
	board.expect(t, "true", `((button) => button.left >= 0 && button.right <= 390)(document.querySelector("#slow button").getBoundingClientRect())`)
	board.screenshot(t, filepath.Join(screenshots(t), "dashboard-more.png"))
}

func TestDashboardDisconnectsNobodyElse(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	s, address := startScriptedBoard(t, map[string]any{"slow": []any{map[string]any{"id": 77, "user": "ada", "address": "192.0.2.7:999"}}})
	s.change(func() { s.gone = true })
	board := openBoard(t, browser, address)
	board.do(t, chromedp.Click("#slow button"), chromedp.Click("#confirm-yes"))
	board.shows(t, "#slow-hint", "ada, 192.0.2.7:999 is not connected any more.")
	board.do(t, chromedp.Click("#slow button"), chromedp.WaitVisible("#confirm"))
	s.change(func() { s.instance = "b" })
	board.waitsFor(t, "the other process", `!document.querySelector("#restarted").hidden`)
	board.do(t, chromedp.Click("#confirm-yes"))
	board.shows(t, "#slow-hint", "was not disconnected: the hub was restarted")
	s.mu.Lock()
	defer s.mu.Unlock()
	if fmt.Sprint(s.posted) != "[77]" {
		t.Errorf("got the disconnected clients %v, want 77 of the first process alone", s.posted)
	}
}

func TestDashboardDoesNotCallALockedHubAway(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	s, address := startScriptedBoard(t, nil)
	board := openBoard(t, browser, address)
	s.change(func() { s.status = http.StatusBadGateway })
	board.do(t, chromedp.WaitVisible("#away"))
	s.change(func() { s.status = http.StatusUnauthorized })
	board.do(t, chromedp.WaitVisible("#key"), chromedp.WaitNotVisible("#away"))
}

func TestHiddenDashboardAsksNothing(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	s, address := startScriptedBoard(t, nil)
	board := openBoard(t, browser, address)
	board.run(t, `(() => {
		const [ask, wait] = [fetch, setTimeout];
		window.asked = 0;
		window.fetch = (...what) => { asked += 1; return ask(...what); };
		window.setTimeout = (act) => wait(act, 1);
		window.visit = async () => { for (let n = 0; n < 20; n += 1) await (await ask("/")).text(); };
		Object.defineProperty(document, "hidden", { value: true, configurable: true });
		document.dispatchEvent(new Event("visibilitychange"));
	})()`)
	board.awaitState(t, "paused")
	board.run(t, "visit()")
	before := s.questions()
	board.run(t, "visit()")
	board.expect(t, "0", "asked")
	board.run(t, `(delete document.hidden, document.dispatchEvent(new Event("visibilitychange")))`)
	board.awaitState(t, "live")
	if got := s.questions(); got <= before {
		t.Errorf("got no question once the page was visible, want one")
	}
}
