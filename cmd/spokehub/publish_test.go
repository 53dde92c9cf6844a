package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// fakeTarget takes what is published. It belongs to one request.
type fakeTarget struct {
	dispatched []string
	keys       []string
	budget     int64
	peak       int64
	reserved   int64
	// fail is what Publish returns for an event with this id.
	fail map[string]error
}

func (f *fakeTarget) PublishWith(_ context.Context, e event.Event, options fanout.PublishOptions) (fanout.Receipt, error) {
	if err := f.fail[e.ID]; err != nil {
		return fanout.Receipt{}, err
	}
	f.dispatched = append(f.dispatched, string(event.Append(nil, e)))
	f.keys = append(f.keys, options.IdempotencyKey)
	return fanout.Receipt{Matched: 2}, nil
}

func (f *fakeTarget) Reserve(bytes int64) bool {
	if f.budget > 0 && f.reserved+bytes > f.budget {
		return false
	}
	f.reserved += bytes
	f.peak = max(f.peak, f.reserved)
	return true
}

func (f *fakeTarget) Unreserve(bytes int64) { f.reserved -= bytes }

// small is a publisher for lines of 100 bytes and bodies of 1,000.
func small(target *fakeTarget) *publisher { return newPublisher(target, 100, 1000) }

func publishTo(t *testing.T, p *publisher, header http.Header, body string) (status int, report publishReport, dispatched []string) {
	t.Helper()
	target := p.hub.(*fakeTarget)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.Header.Get("Content-Type"), announced) {
			r.ContentLength = -1
		}
		p.ServeHTTP(w, r)
	}))
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header
	status, _, answer := fetch(t, request)
	if err := json.Unmarshal([]byte(answer), &report); err != nil {
		t.Fatalf("read the answer %s: %v", answer, err)
	}
	if target.reserved != 0 {
		t.Errorf("got %d bytes still reserved, want none", target.reserved)
	}
	return status, report, target.dispatched
}

func ofType(contentType string) http.Header { return http.Header{"Content-Type": {contentType}} }

// announced begins the content type of a request that keeps its Content-Length.
const announced = "text/plain"

func TestPublishRejectsABodyWhoseContentLengthIsTooLong(t *testing.T) {
	status, report, dispatched := publishTo(t, small(&fakeTarget{}), ofType(announced), strings.Repeat(`{"type":"a"}`+"\n", 100))
	if status != http.StatusRequestEntityTooLarge || report.Accepted != 0 || report.Rejected != 1 || dispatched != nil {
		t.Errorf("got status %d, %+v and dispatched %v, want 413 and nothing dispatched", status, report, dispatched)
	}
}

func TestPublishOfLines(t *testing.T) {
	t.Parallel()
	const a, b = `{"type":"a","id":"","payload":1}`, `{"type":"b","id":"7","payload":{"x": [2]}}`
	long := `{"type":"a","payload":"` + strings.Repeat("x", 200) + `"}`
	for name, c := range map[string]struct {
		body       string
		status     int
		dispatched []string
		badLines   []int
	}{
		"dispatches each in its order":          {a + "\n" + b + "\n", http.StatusOK, []string{a, b}, nil},
		"needs no end of the last line":         {a + "\n" + b, http.StatusOK, []string{a, b}, nil},
		"takes one alone":                       {a, http.StatusOK, []string{a}, nil},
		"takes CR LF":                           {a + "\r\n" + b + "\r\n", http.StatusOK, []string{a, b}, nil},
		"skips empty lines but counts them":     {"\n\r\n" + a + "\n\nnonsense\n", http.StatusOK, []string{a}, []int{5}},
		"names a bad line and goes on":          {a + "\n{\"type\":3}\n" + b + "\nnonsense", http.StatusOK, []string{a, b}, []int{2, 4}},
		"rejects two envelopes on a line":       {a + b + "\n" + b, http.StatusOK, []string{b}, []int{1}},
		"rejects control events":                {`{"type":"__subscribe","payload":{"topic":"a"}}` + "\n" + a, http.StatusOK, []string{a}, []int{1}},
		"rejects a line that is too long":       {long + "\n" + a, http.StatusOK, []string{a}, []int{1}},
		"rejects a last line that is too long":  {a + "\n" + long, http.StatusOK, []string{a}, []int{2}},
		"says 400 when none is good":            {"nonsense\n{}\n", http.StatusBadRequest, nil, []int{1, 2}},
		"says 400 when there is none":           {"", http.StatusBadRequest, nil, nil},
		"says 413 when the body is too long":    {strings.Repeat(a+"\n", 100), http.StatusRequestEntityTooLarge, slicesRepeat(a, 30), []int{31}},
		"takes a line of just the longest size": {`{"type":"a","payload":"` + strings.Repeat("x", 75) + "\"}\r\n", http.StatusOK, []string{`{"type":"a","id":"","payload":"` + strings.Repeat("x", 75) + `"}`}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			status, report, dispatched := publishTo(t, small(&fakeTarget{}), ofType("application/x-ndjson"), c.body)
			if status != c.status {
				t.Errorf("got status %d, want %d", status, c.status)
			}
			if !reflect.DeepEqual(dispatched, c.dispatched) {
				t.Errorf("got dispatched %v, want %v", dispatched, c.dispatched)
			}
			var badLines []int
			for _, bad := range report.Errors {
				badLines = append(badLines, bad.Line)
				if bad.Error == "" {
					t.Errorf("got no reason for line %d, want one", bad.Line)
				}
			}
			if !reflect.DeepEqual(badLines, c.badLines) {
				t.Errorf("got bad lines %v, want %v", badLines, c.badLines)
			}
			if report.Accepted != len(c.dispatched) || report.Rejected != len(c.badLines) {
				t.Errorf("got %d accepted and %d rejected, want %d and %d", report.Accepted, report.Rejected, len(c.dispatched), len(c.badLines))
			}
		})
	}
}

func slicesRepeat(line string, times int) []string {
	lines := make([]string, times)
	for i := range lines {
		lines[i] = line
	}
	return lines
}

func TestPublishOfJSON(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body       string
		status     int
		dispatched []string
	}{
		"takes an envelope spread over lines": {"{\n  \"type\": \"a\",\n  \"payload\": {\"b\":\n1}\n}\n", http.StatusOK, []string{"{\"type\":\"a\",\"id\":\"\",\"payload\":{\"b\":\n1}}"}},
		"rejects two envelopes":               {"{\"type\":\"a\"}\n{\"type\":\"b\"}", http.StatusBadRequest, nil},
		"rejects one that is too long":        {`{"type":"a","payload":"` + strings.Repeat("x", 100) + `"}`, http.StatusBadRequest, nil},
		"rejects a body that is too long":     {`{"type":"a","payload":"` + strings.Repeat("x", 2000) + `"}`, http.StatusBadRequest, nil},
	} {
		t.Run(name, func(t *testing.T) {
			status, report, dispatched := publishTo(t, small(&fakeTarget{}), ofType("application/json; charset=utf-8"), c.body)
			if status != c.status || !reflect.DeepEqual(dispatched, c.dispatched) {
				t.Errorf("got status %d, %+v and dispatched %v, want %d and %v", status, report, dispatched, c.status, c.dispatched)
			}
		})
	}
}

func TestPublishListsOnlyTheFirstErrors(t *testing.T) {
	_, report, _ := publishTo(t, newPublisher(&fakeTarget{}, 100, 1<<20), http.Header{}, strings.Repeat("nonsense\n", 250))
	if report.Rejected != 250 || len(report.Errors) != 100 || report.ErrorsOmitted != 150 {
		t.Errorf("got %d rejected, %d listed and %d omitted, want 250, 100 and 150", report.Rejected, len(report.Errors), report.ErrorsOmitted)
	}
}

// channelTarget passes on the ids of what is published.
type channelTarget struct{ ids chan string }

func (c channelTarget) PublishWith(_ context.Context, e event.Event, _ fanout.PublishOptions) (fanout.Receipt, error) {
	c.ids <- e.ID
	return fanout.Receipt{}, nil
}

func (channelTarget) Reserve(int64) bool { return true }
func (channelTarget) Unreserve(int64)    {}

func TestPublishDispatchesEachLineAsItArrives(t *testing.T) {
	dispatched := make(chan string)
	server := httptest.NewServer(newPublisher(channelTarget{ids: dispatched}, 100, 1<<20))
	defer server.Close()
	body, lines := io.Pipe()
	answered := make(chan error, 1)
	go func() {
		response, err := http.Post(server.URL, "application/x-ndjson", body)
		if err == nil {
			response.Body.Close()
		}
		answered <- err
	}()
	for i := range 5 {
		fmt.Fprintf(lines, "{\"type\":\"a\",\"id\":\"%d\"}\n", i)
		if got, want := <-dispatched, fmt.Sprint(i); got != want {
			t.Errorf("got event %s, want %s", got, want)
		}
	}
	lines.Close()
	if err := <-answered; err != nil {
		t.Errorf("got the error %v, want an answer", err)
	}
}

func TestPublishReachesSubscribersAndReportsABadLine(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil)
	subscriber := connect(t, hub.websocket)
	subscriber.subscribe(t, "news")
	status, answer := post(t, hub.admin+"publish", "application/x-ndjson",
		`{"type":"news","id":"1","payload":"one"}`+"\n"+`{"type":"other"}`+"\nnot JSON\n"+`{"type":"news","payload": [2] }`+"\n")
	want := `{"accepted":3,"rejected":1,"matched":2,"errors":[{"line":3,"error":"not a JSON object"}]}` + "\n"
	if status != http.StatusOK || answer != want {
		t.Errorf("got %d %s, want 200 %s", status, answer, want)
	}
	for _, want := range []string{`{"type":"news","id":"1","payload":"one"}`, `{"type":"news","id":"","payload":[2]}`} {
		if got := subscriber.receive(t); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestPublishRejectsAnEventThatWouldFillAQueue(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil, "--queue-limit=64KiB")
	subscriber := connect(t, hub.websocket)
	subscriber.subscribe(t, "news")
	status, answer := post(t, hub.admin+"publish", "", `{"type":"news","payload":"`+strings.Repeat("x", 64<<10)+`"}`)
	if status != http.StatusBadRequest {
		t.Errorf("got %d %s, want 400", status, answer)
	}
	subscriber.subscribe(t, "still.connected")
}
