package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// historyAnswer is what GET /history answers.
type historyAnswer struct {
	Topic  string `json:"topic"`
	Epoch  string `json:"epoch"`
	Offset uint64 `json:"offset"`
	Result string `json:"result"`
	Missed *int64 `json:"missed"`
	From   uint64 `json:"from"`
	To     uint64 `json:"to"`
	Events []struct {
		Type    string          `json:"type"`
		ID      string          `json:"id"`
		Payload json.RawMessage `json:"payload"`
		Offset  uint64          `json:"offset"`
	} `json:"events"`
	Next  string `json:"next"`
	Error string `json:"error"`
}

// offsets are those of the events.
func (a historyAnswer) offsets() string {
	var all []string
	for _, e := range a.Events {
		all = append(all, fmt.Sprint(e.Offset))
	}
	return strings.Join(all, " ")
}

func readHistory(t *testing.T, address string) (int, http.Header, historyAnswer) {
	t.Helper()
	status, header, body := get(t, address)
	var answer historyAnswer
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatalf("read %s: %v", body, err)
	}
	return status, header, answer
}

// history asks a hub.
func (p *process) history(t *testing.T, query string) (int, historyAnswer) {
	t.Helper()
	status, _, answer := readHistory(t, p.admin+"history?"+query)
	return status, answer
}

func TestHistoryOfATopic(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil, "--history=price=6")
	var lines strings.Builder
	for i := range 9 {
		fmt.Fprintf(&lines, "{\"type\":\"price\",\"id\":\"%c\",\"payload\":{\"n\": %d}}\n", 'a'+i%2, i+1)
	}
	post(t, hub.admin+"publish", "", lines.String())
	_, first := hub.history(t, "topic=price&limit=1")
	epoch := first.Epoch
	if epoch == "" || first.Offset != 9 || first.Topic != "price" {
		t.Fatalf("got %+v, want the top 9 of an epoch", first)
	}
	if e := first.Events[0]; e.Type != "price" || e.ID != "b" || string(e.Payload) != `{"n": 4}` || e.Offset != 4 {
		t.Errorf("got the event %+v, want the fourth as it was published", e)
	}
	for name, c := range map[string]struct {
		query   string
		result  string
		missed  int64
		from    uint64
		to      uint64
		offsets string
		next    string
	}{
		"all":                 {"topic=price", "resumed", 0, 0, 0, "4 5 6 7 8 9", epoch + ":9"},
		"a few":               {"topic=price&limit=2", "resumed", 0, 0, 0, "4 5", epoch + ":5"},
		"those behind":        {"topic=price&limit=2&since=" + epoch + ":5", "resumed", 0, 0, 0, "6 7", epoch + ":7"},
		"the last ones":       {"topic=price&since=" + epoch + ":7", "resumed", 0, 0, 0, "8 9", epoch + ":9"},
		"none behind the top": {"topic=price&since=" + epoch + ":9", "resumed", 0, 0, 0, "", epoch + ":9"},
		"some are gone":       {"topic=price&limit=1&since=" + epoch + ":1", "gap", 2, 2, 3, "4", epoch + ":4"},
		"from the beginning":  {"topic=price&limit=1&since=" + epoch + ":0", "gap", 3, 1, 3, "4", epoch + ":4"},
		"of an id":            {"topic=price:a&limit=2", "resumed", 0, 0, 0, "5 7", epoch + ":7"},
		"of another epoch":    {"topic=price&since=x7:3", "fresh", 0, 0, 0, "", epoch + ":9"},
		"ahead of the stream": {"topic=price&since=" + epoch + ":10", "fresh", 0, 0, 0, "", epoch + ":9"},
		"with the most":       {"topic=price&limit=1000", "resumed", 0, 0, 0, "4 5 6 7 8 9", epoch + ":9"},
		"an escaped topic":    {"topic=price%3Aa&limit=1", "resumed", 0, 0, 0, "5", epoch + ":5"},
	} {
		status, got := hub.history(t, c.query)
		if status != http.StatusOK || got.Result != c.result || got.Missed == nil || *got.Missed != c.missed || got.From != c.from || got.To != c.to || got.offsets() != c.offsets || got.Next != c.next || got.Events == nil {
			t.Errorf("%s: got %d and %+v, want %+v", name, status, got, c)
		}
	}
}

func TestHistoryQueriesThatAreWrong(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil, "--history=price=6")
	for name, c := range map[string]struct {
		query  string
		status int
		says   string
	}{
		"no query":                     {"", 400, "the query has no topic"},
		"an empty topic":               {"topic=", 400, "the query has no topic"},
		"a topic without a type":       {"topic=:a", 400, `topic ":a"`},
		"a topic without an id":        {"topic=price:", 400, `topic "price:"`},
		"a topic of control events":    {"topic=__gap", 400, `topic "__gap"`},
		"a topic of control bytes":     {"topic=a%00", 400, "topic"},
		"a topic that is too long":     {"topic=" + strings.Repeat("a", 600), 400, "topic"},
		"a topic that is no text":      {"topic=%ff", 400, "topic"},
		"two topics":                   {"topic=a&topic=b", 400, "the query has topic 2 times"},
		"a type without a stream":      {"topic=plain", 404, `the type "plain" has no stream: it needs an entry of topics with history, or --history plain=1000`},
		"an id without a stream":       {"topic=plain:a", 404, `the type "plain" has no stream`},
		"an offset alone":              {"topic=price&since=5", 400, `since: position "5" has no colon`},
		"an empty position":            {"topic=price&since=", 400, "since: position"},
		"a negative offset":            {"topic=price&since=x:-1", 400, "since: the offset of position"},
		"an offset that is too great":  {"topic=price&since=x:9007199254740992", 400, "since: the offset"},
		"an epoch that is none":        {"topic=price&since=" + url.QueryEscape("a b:1"), 400, "since: the epoch"},
		"a limit of none":              {"topic=price&limit=0", 400, `limit: want a whole number from 1 to 1000, and got "0"`},
		"a limit that is too high":     {"topic=price&limit=1001", 400, "limit: want"},
		"a limit that is no number":    {"topic=price&limit=many", 400, "limit: want"},
		"an empty limit":               {"topic=price&limit=", 400, "limit: want"},
		"a name that is unknown":       {"topic=price&form=1", 400, `the query has "form", which is unknown: there are topic, since and limit`},
		"a query that can not be read": {"topic=%zz", 400, "the query can't be read"},
	} {
		if status, got := hub.history(t, c.query); status != c.status || !strings.Contains(got.Error, c.says) {
			t.Errorf("%s: got %d and %q, want %d and %q", name, status, got.Error, c.status, c.says)
		}
	}
	if status, body := post(t, hub.admin+"history?topic=price", "", ""); status != http.StatusMethodNotAllowed {
		t.Errorf("got %d %q for a POST, want 405", status, body)
	}
}

func TestHistoryAsksForAKeyAsTheAdminAddressDoes(t *testing.T) {
	t.Parallel()
	key, line := newAPIKey(t, "ci")
	hub := startHub(t, nil, "--history=price=6", "--api-keys="+writeFile(t, "keys", line))
	if status, _, _ := get(t, hub.admin+"history?topic=price"); status != http.StatusUnauthorized {
		t.Errorf("got %d without a key, want 401", status)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, hub.admin+"history?topic=price", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+key)
	if status, _, body := fetch(t, request); status != http.StatusOK {
		t.Errorf("got %d %q with a key, want 200", status, body)
	}
}

func TestHistoryOfAHubWithoutPolicies(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil)
	if status, got := hub.history(t, "topic=price"); status != http.StatusNotFound || !strings.Contains(got.Error, "no stream") {
		t.Errorf("got %d and %q, want 404", status, got.Error)
	}
	_, _, metrics := get(t, hub.admin+"metrics")
	if !strings.Contains(metrics, "\nspokehub_streams 0\n") || !strings.Contains(metrics, "\nspokehub_memory_bytes{kind=\"streams\"} 0\n") {
		t.Errorf("got %s, want no streams", hubLines(metrics))
	}
}

func TestLongHistoryComesInOneAnswer(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil, "--history=price=1000", "--max-event=256KiB", "--queue-limit=2MiB")
	post(t, hub.admin+"publish", "", strings.Repeat(`{"type":"price","payload":"`+strings.Repeat("x", 1000)+"\"}\n", 900))
	status, got := hub.history(t, "topic=price&limit=1000")
	if status != http.StatusOK || len(got.Events) != 900 || got.Events[899].Offset != 900 || got.Next != got.Epoch+":900" {
		t.Errorf("got %d and %d events, then %s, want 900", status, len(got.Events), got.Next)
	}
}

// scriptedHistory is a hub whose stream the test makes up: each answer is the next one of parts.
type scriptedHistory struct {
	parts    []fanout.History
	asked    []event.Position
	reserved int64
	budget   int64
	err      error
}

func (s *scriptedHistory) History(topic string, since event.Position, limit int) (fanout.History, error) {
	s.asked = append(s.asked, since)
	if len(s.parts) == 0 || s.err != nil {
		return fanout.History{}, s.err
	}
	part := s.parts[0]
	s.parts = s.parts[1:]
	return part, nil
}

func (s *scriptedHistory) Reserve(bytes int64) bool {
	if bytes > s.budget {
		return false
	}
	s.reserved += bytes
	return true
}

func (s *scriptedHistory) Unreserve(bytes int64) { s.reserved -= bytes }

// part is a part of a stream of ten events.
func part(result event.Result, to, next uint64, offsets ...uint64) fanout.History {
	p := fanout.History{Topic: "t", Position: event.Position{Epoch: "x", Offset: 10}, Result: result, To: to, Next: event.Position{Epoch: "x", Offset: next}}
	for _, offset := range offsets {
		p.Events = append(p.Events, event.Event{Type: "t", Payload: []byte("1"), Offset: offset})
	}
	return p
}

func TestHistoryAnswerIsReadInParts(t *testing.T) {
	const plenty = 16 << 20
	for name, c := range map[string]struct {
		source  scriptedHistory
		status  int
		offsets string
		next    string
		asked   int
	}{
		"to the end":                       {scriptedHistory{budget: plenty, parts: []fanout.History{part("resumed", 0, 2, 1, 2), part("resumed", 0, 10, 3, 10)}}, 200, "1 2 3 10", "x:10", 2},
		"with the rest of its first gap":   {scriptedHistory{budget: plenty, parts: []fanout.History{part("gap", 5, 2, 1, 2), part("gap", 5, 10, 3, 10)}}, 200, "1 2 3 10", "x:10", 2},
		"up to a gap that is new":          {scriptedHistory{budget: plenty, parts: []fanout.History{part("resumed", 0, 2, 1, 2), part("gap", 5, 10, 6, 10)}}, 200, "1 2", "x:2", 2},
		"up to an end of the epoch":        {scriptedHistory{budget: plenty, parts: []fanout.History{part("resumed", 0, 2, 1, 2), part("fresh", 0, 10)}}, 200, "1 2", "x:2", 2},
		"up to one that makes no progress": {scriptedHistory{budget: plenty, parts: []fanout.History{part("resumed", 0, 2, 1, 2), part("resumed", 0, 2)}}, 200, "1 2", "x:2", 2},
		"up to the limit":                  {scriptedHistory{budget: plenty, parts: []fanout.History{part("resumed", 0, 3, 1, 2, 3)}}, 200, "1 2 3", "x:3", 1},
		"not without memory":               {scriptedHistory{budget: 100}, 503, "", "", 0},
		"not from a store that is away":    {scriptedHistory{budget: plenty, err: errors.New("connection refused")}, 503, "", "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			source := c.source
			server := httptest.NewServer(newHistorian(&source, 64<<10))
			query, limit := server.URL+"/history?topic=t&since=x:0", 4
			if name == "up to the limit" {
				limit = 3
			}
			status, header, got := readHistory(t, fmt.Sprintf("%s&limit=%d", query, limit))
			server.Close()
			if status != c.status || got.offsets() != c.offsets || got.Next != c.next || len(source.asked) != c.asked {
				t.Errorf("got %d, %+v and %d questions, want %+v", status, got, len(source.asked), c)
			}
			if c.status == http.StatusServiceUnavailable && (header.Get("Retry-After") == "" || got.Error == "") {
				t.Errorf("got no Retry-After or no error with %d: %v, %+v", status, header, got)
			}
			if source.reserved != 0 {
				t.Errorf("got %d bytes still reserved, want none", source.reserved)
			}
		})
	}
}

func TestHistoryOfWhatNobodyCanKnow(t *testing.T) {
	lost := part("gap", 5, 10, 6, 10)
	lost.Missed, lost.From = -1, 1
	server := httptest.NewServer(newHistorian(&scriptedHistory{budget: 16 << 20, parts: []fanout.History{lost}}, 64<<10))
	defer server.Close()
	if _, _, got := readHistory(t, server.URL+"/history?topic=t&since=x:0"); got.Missed != nil || got.From != 1 || got.To != 5 {
		t.Errorf("got %+v, want null for what is missed, of 1 to 5", got)
	}
}
