package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/coder/websocket"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/internal/engines"
)

// startHubOfCluster starts a hub on a broker, and waits until it has reached that.
func startHubOfCluster(t *testing.T) (hub *process, broker *engines.RedisServer) {
	t.Helper()
	broker = engines.Redis(t, engines.RedisOptions{})
	hub = startHub(t, nil, "--broker="+broker.URL, "--history=price=10")
	awaitMetric(t, hub, "spokehub_broker_up 1")
	return hub, broker
}

// awaitMetric waits until the metrics have a line.
func awaitMetric(t *testing.T, hub *process, line string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		status, _, body := get(t, hub.admin+"metrics")
		if status == http.StatusOK && strings.Contains(body, "\n"+line+"\n") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the metrics do not get the line %q", line)
		}
	}
}

func TestPageWaitsForATopicThatTheHubCannotTakeYet(t *testing.T) {
	browser := startBrowser(t)
	hub, broker := startHubOfCluster(t)
	own := openTab(t, browser, hub.page)
	own.subscribe(t, "order")
	broker.Kill()
	awaitMetric(t, hub, "spokehub_broker_up 0")
	own.do(t, chromedp.SendKeys("#topic", "price\r"))
	own.awaitRow(t, "waits", "price", "the hub does not take it yet, since its broker is away; it is asked again")
	own.do(t, chromedp.WaitVisible(`#chips button[data-topic="price"][data-pending]`))
	own.publish(t, "price", "", "1")
	own.awaitRow(t, "refused", "price", "its stream does not take it now; publish it again later")
	broker.Restart()
	own.do(t, chromedp.WaitVisible(`#chips button[data-topic="price"]:not([data-pending])`))
	own.awaitRow(t, "gap", "order", "an unknown number of events is missing: the hub was cut off from the other hubs, or their broker has lost events")
	own.publish(t, "price", "", "2")
	own.awaitRow(t, "in", "price", "2")
	if faults := own.faults(); len(faults) > 0 {
		t.Errorf("got from the browser %q, want no complaint", faults)
	}
}

// idOfSubscription returns the id of a control event that subscribes, and "" of what is none.
func idOfSubscription(message string) string {
	var e struct{ Type, ID string }
	if json.Unmarshal([]byte(message), &e) != nil || e.Type != event.TypeSubscribe {
		return ""
	}
	return e.ID
}

func TestSubWaitsForATopicThatTheHubCannotTakeYet(t *testing.T) {
	asked := 0
	url := startScripted(t, func(ws *websocket.Conn, message string) {
		id := idOfSubscription(message)
		if id == "" {
			return
		}
		if asked++; asked < 3 {
			say(ws, `{"type":"__reject","id":"`+id+`","payload":{"topic":"a","reason":"unavailable"}}`)
			return
		}
		say(ws, `{"type":"__ack","id":"`+id+`","payload":{"topics":["a"]}}`)
		say(ws, `{"type":"__gap","id":"","payload":{"topic":"a","missed":null,"reason":"broker"}}`)
		say(ws, `{"type":"a","payload":1}`)
	})
	sub := startTool(t, nil, "sub", "--url", url, "--count", "1", "a")
	code, stderr := sub.end(t)
	if code != exitOK || strings.Count(stderr, "unavailable") != 1 || !strings.Contains(stderr, `can't take the subscription to "a" yet`) {
		t.Errorf("got exit code %d and %q, want 0 and one line that says what it waits for", code, stderr)
	}
	want := "a  gap: the hub was cut off from the other hubs, or their broker has lost events, so nobody knows how many events are missing (broker)"
	if line := sub.next(t); !strings.HasSuffix(line, want) {
		t.Errorf("got %q first, want %q", line, want)
	}
}

func TestSubDoesNotWaitLongerThanItMay(t *testing.T) {
	url := startScripted(t, func(ws *websocket.Conn, message string) {
		if id := idOfSubscription(message); id != "" {
			say(ws, `{"type":"__reject","id":"`+id+`","payload":{"topic":"a","reason":"unavailable"}}`)
		}
	})
	sub := startTool(t, nil, "sub", "--url", url, "--timeout", "2s", "a")
	if code, stderr := sub.end(t); code != exitUnreachable || !strings.Contains(stderr, "broker") || !strings.Contains(stderr, "--timeout") {
		t.Errorf("got exit code %d and %q, want 4 and that the broker has not come back", code, stderr)
	}
}
