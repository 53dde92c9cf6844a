package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/spoke"
)

// answerOf asks a hub and reads its answer, which must have a status.
func answerOf[T any](t *testing.T, hub *process, path string, want int) (answer T) {
	t.Helper()
	status, header, body := get(t, hub.admin+path)
	if status != want || header.Get("Content-Type") != "application/json" {
		t.Fatalf("%s: got %d, %q and %s, want %d and JSON", path, status, header.Get("Content-Type"), body, want)
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatalf("%s: read %s: %v", path, body, err)
	}
	return answer
}

func TestConnectionsAnswersWhoIsThere(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil)
	client := connectClient(t, hub.websocket)
	listenTo(t, client, "price", "price:1", "news")
	all := answerOf[connectionsAnswer](t, hub, "connections?sort=topics", http.StatusOK)
	if all.Node == "" || len(all.Connections) != 1 || all.Next != "" {
		t.Fatalf("got %+v, want one connection and the name of the node", all)
	}
	c := all.Connections[0]
	if c.Topics.Count != 3 || len(c.Topics.Some) != 3 || c.ID == 0 || !strings.HasPrefix(c.Address, "127.0.0.1:") || c.Since.IsZero() {
		t.Errorf("got %+v, want a connection with three topics", c)
	}
	connectClient(t, hub.websocket)
	first := answerOf[connectionsAnswer](t, hub, "connections?sort=age&limit=1", http.StatusOK)
	second := answerOf[connectionsAnswer](t, hub, "connections?sort=age&limit=1&after="+first.Next, http.StatusOK)
	if len(first.Connections) != 1 || len(second.Connections) != 1 || first.Connections[0].ID != c.ID || second.Connections[0].ID <= c.ID || second.Next != "" {
		t.Errorf("got %+v, then %+v, want the older one first", first, second)
	}
	if of := answerOf[connectionsAnswer](t, hub, "connections?topic=news&address=127.0.0.0/8", http.StatusOK); len(of.Connections) != 1 || of.Connections[0].ID != c.ID {
		t.Errorf("got %+v, want the one that is subscribed", of)
	}
}

// listenTo subscribes a client to topics and waits until that is in force.
func listenTo(t *testing.T, client *spoke.Client, topics ...string) {
	t.Helper()
	for _, topic := range topics {
		client.AddEventListener(topic, func(event.Event) {})
	}
	if err := client.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestTopicsAnswersWhatIsSubscribedTo(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil)
	for i := range 3 {
		client := connectClient(t, hub.websocket)
		topics := []string{"a.dot", "b:1", "c"}
		listenTo(t, client, topics[i:]...)
	}
	names := func(path string) (all []string, next string) {
		answer := answerOf[topicsAnswer](t, hub, path, http.StatusOK)
		for _, topic := range answer.Topics {
			all = append(all, fmt.Sprint(topic.Topic, "=", topic.Subscribers))
		}
		return all, answer.Next
	}
	for path, want := range map[string][]string{
		"topics":                     {"c=3", "b:1=2", "a.dot=1"},
		"topics?sort=name":           {"a.dot=1", "b:1=2", "c=3"},
		"topics?prefix=b":            {"b:1=2"},
		"topics?prefix=nothing":      nil,
		"topics?limit=3":             {"c=3", "b:1=2", "a.dot=1"},
		"topics?sort=name&limit=100": {"a.dot=1", "b:1=2", "c=3"},
	} {
		if got, next := names(path); !slices.Equal(got, want) || next != "" {
			t.Errorf("%s: got %v and next %q, want %v", path, got, next, want)
		}
	}
	for _, order := range []string{"subscribers", "name"} {
		whole, _ := names("topics?sort=" + order)
		var all []string
		for after := ""; ; {
			page, next := names("topics?limit=1&sort=" + order + after)
			all = append(all, page...)
			if after = "&after=" + next; next == "" {
				break
			}
		}
		if !slices.Equal(all, whole) {
			t.Errorf("got %v page by page, want %v", all, whole)
		}
	}
}

func TestDisconnectAndUnsubscribe(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil)
	client, other := connectClient(t, hub.websocket), connectClient(t, hub.websocket)
	listenTo(t, client, "one", "two")
	listenTo(t, other, "two")
	id := answerOf[connectionsAnswer](t, hub, "connections?topic=one", http.StatusOK).Connections[0].ID
	order := func(path, body, want string) {
		t.Helper()
		status, answer := post(t, hub.admin+path, "application/json", body)
		if status != http.StatusOK || !strings.Contains(answer, want) {
			t.Errorf("%s %s: got %d and %s, want %s", path, body, status, answer, want)
		}
	}
	order("unsubscribe", fmt.Sprintf(`{"id":%d,"topics":["two"]}`, id), `"connections":1`)
	if left := answerOf[topicsAnswer](t, hub, "topics?prefix=two", http.StatusOK); len(left.Topics) != 1 || left.Topics[0].Subscribers != 1 {
		t.Errorf("got %+v, want the other subscriber left", left)
	}
	order("unsubscribe", fmt.Sprintf(`{"id":%d,"topics":["two"]}`, id+1000), `"connections":0`)
	order("disconnect", `{"topic":"nobody"}`, `"disconnected":0`)
	order("disconnect", `{"topic":"one","address":"127."}`, `"disconnected":1`)
	select {
	case <-client.Done():
	case <-t.Context().Done():
		t.Error("got the client still there, want it closed with 1008 for good")
	}
	if left := answerOf[connectionsAnswer](t, hub, "connections", http.StatusOK); len(left.Connections) != 1 || left.Connections[0].ID == id {
		t.Errorf("got %+v, want the other client left", left)
	}
}

func TestInspectionMistakesAreToldAndNothingIsDone(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil)
	client := connectClient(t, hub.websocket)
	listenTo(t, client, "price")
	for path, want := range map[string]string{
		"connections?sort=size":         "queue, bytes, age, topics",
		"connections?limit=0":           "from 1 to 1000",
		"connections?limit=1001":        "from 1 to 1000",
		"connections?user=":             "user is empty",
		"connections?name=x":            "unknown",
		"connections?id=x":              "number of a connection",
		"connections?id=0":              "number of a connection",
		"connections?after=x":           "pass on",
		"connections?sort=age&sort=age": "give it once",
		"connections?address=somewhere": "somewhere",
		"connections?topic=%0a":         "topic",
		"connections?user=%zz":          "can't be read",
		"topics?sort=age":               "subscribers, name",
		"topics?after=x":                "after",
		"topics?limit=many":             "from 1 to 1000",
		"topics?topic=price":            "there are prefix",
	} {
		answer := answerOf[map[string]string](t, hub, path, http.StatusBadRequest)
		if !strings.Contains(answer["error"], want) || strings.Contains(answer["error"], "\n") {
			t.Errorf("%s: got %q, want one line with %q", path, answer["error"], want)
		}
	}
	for order, want := range map[string]string{
		`disconnect {}`:                             "filter is empty",
		`disconnect `:                               "the body is empty: want a JSON object with id, user, topic, address, code, reason",
		`disconnect []`:                             "the body is a JSON array: want an object with id, user",
		`disconnect {`:                              "not valid JSON",
		`disconnect {"id":"7"}`:                     "id: got the JSON string, want a whole number from 0 to 18446744073709551615",
		`disconnect {"user":5}`:                     "user: got the JSON number, want a string",
		`disconnect {"code":70000,"user":"a"}`:      "code: got the JSON number 70000, want a whole number from 0 to 65535",
		`disconnect {"usr":"eve"}`:                  `the body has "usr", which is unknown: there are id, user, topic`,
		`disconnect?user=eve {"topic":"price"}`:     "the query of an order is not read",
		`unsubscribe {"id":1,"topics":"price"}`:     "topics: got the JSON string, want an array of strings",
		`unsubscribe?id=7 {"id":1,"topics":["a"]}`:  "the query of an order is not read",
		`disconnect {"user":""}`:                    "user is empty",
		`disconnect {"topic":"price","user":""}`:    "user is empty",
		`disconnect {"id":0}`:                       "id is 0",
		`disconnect {"topic":"price","code":1006}`:  "1006",
		`disconnect {"topic":"price","code":70000}`: "70000",
		`disconnect {"topic":"price","name":"x"}`:   "name",
		`disconnect {"topic":"price"}{}`:            "more than one",
		`disconnect {"topic":"price","reason":"` + strings.Repeat("x", 124) + `"}`: "takes 123",
		`disconnect {"address":"10.1"}`:                                            "dot or a colon",
		`unsubscribe {"topics":["price"]}`:                                         "nobody is named",
		`unsubscribe {"id":1}`:                                                     "topics is empty",
		`unsubscribe {"id":1,"topics":["price","a\nb"]}`:                           "topic",
		`unsubscribe {"user":"","topics":["price"]}`:                               "user is empty",
		`unsubscribe {"id":1,"topics":["` + strings.Repeat("x", maxOrder) + `"]}`:  "more than",
	} {
		path, body, _ := strings.Cut(order, " ")
		status, text := post(t, hub.admin+path, "application/json", body)
		var answer map[string]string
		if err := json.Unmarshal([]byte(text), &answer); err != nil || status != http.StatusBadRequest || !strings.Contains(answer["error"], want) || strings.Contains(answer["error"], "\n") || strings.Contains(answer["error"], "Go ") {
			t.Errorf("%.80s: got %d and %.300s, want 400 and one line with %q", order, status, text, want)
		}
	}
	left := answerOf[connectionsAnswer](t, hub, "connections", http.StatusOK)
	if len(left.Connections) != 1 || left.Connections[0].Topics.Count != 1 {
		t.Errorf("got %+v, want the client and its topic left", left)
	}
}

func TestInspectionIsBehindTheGuards(t *testing.T) {
	t.Parallel()
	_, line := newAPIKey(t, "ops")
	open, locked := startHub(t, nil), startHub(t, nil, "--api-keys="+writeFile(t, "keys", line))
	for _, order := range []string{"GET connections", "GET topics", "POST disconnect", "POST unsubscribe"} {
		method, path, _ := strings.Cut(order, " ")
		for _, c := range []struct {
			admin, site string
			want        int
		}{{locked.admin, "", http.StatusUnauthorized}, {open.admin, "cross-site", http.StatusForbidden}} {
			request, err := http.NewRequestWithContext(t.Context(), method, c.admin+path, strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			if c.site != "" {
				request.Header.Set("Sec-Fetch-Site", c.site)
			}
			if status, _, body := fetch(t, request); status != c.want {
				t.Errorf("%s from %q: got %d and %s, want %d", order, c.site, status, body, c.want)
			}
		}
	}
}

// TestInspectPage runs every command of docs/inspect.md, and finds every field of the answers on it.
func TestInspectPage(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "inspect.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	for _, answer := range []any{connectionsAnswer{}, topicsAnswer{}} {
		for _, field := range jsonFields(reflect.TypeOf(answer)) {
			if !strings.Contains(page, "`"+field+"`") {
				t.Errorf("docs/inspect.md does not tell of the field %s of %T", field, answer)
			}
		}
	}
	hub := startHub(t, nil)
	client := connectClient(t, hub.websocket)
	listenTo(t, client, "price")
	commands := 0
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(page, -1) {
		for line := range strings.Lines(block[1]) {
			commands++
			command := strings.ReplaceAll(strings.TrimSpace(line), "http://127.0.0.1:8081/", hub.admin)
			out, err := exec.CommandContext(t.Context(), "bash", "-c", strings.Replace(command, "curl ", "curl -sS --fail-with-body ", 1)).CombinedOutput()
			if err != nil || !json.Valid(out) {
				t.Errorf("%s: got %v and %s", command, err, out)
			}
		}
	}
	if commands < 8 {
		t.Errorf("got %d commands, want those of the page", commands)
	}
}

// jsonFields are the names of all fields of an answer.
func jsonFields(of reflect.Type) (names []string) {
	switch of.Kind() {
	case reflect.Pointer, reflect.Slice:
		return jsonFields(of.Elem())
	case reflect.Struct:
	default:
		return nil
	}
	for field := range of.Fields() {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
			names = append(names, name)
		}
		if !strings.HasPrefix(field.Type.String(), "time.") {
			names = append(names, jsonFields(field.Type)...)
		}
	}
	return names
}
