package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

func TestPublishKeyIsRead(t *testing.T) {
	for name, c := range map[string]struct {
		values []string
		want   string
		says   string
	}{
		"none":                        {nil, "", ""},
		"in quotes":                   {[]string{`"8e03978e-40d5-43e8-bc93-6894a57f9324"`}, "8e03978e-40d5-43e8-bc93-6894a57f9324", ""},
		"as it is":                    {[]string{"8e03978e-40d5"}, "8e03978e-40d5", ""},
		"with space around":           {[]string{"  abc "}, "abc", ""},
		"with escapes":                {[]string{`"a\"b\\c"`}, `a"b\c`, ""},
		"with a backslash, as it is":  {[]string{`a\b`}, `a\b`, ""},
		"of the greatest length":      {[]string{strings.Repeat("k", maxPublishKey)}, strings.Repeat("k", maxPublishKey), ""},
		"too long":                    {[]string{strings.Repeat("k", maxPublishKey+1)}, "", "has 201 bytes, more than 200"},
		"empty":                       {[]string{""}, "", "is empty"},
		"empty in quotes":             {[]string{`""`}, "", "is empty"},
		"an open quote":               {[]string{`"abc`}, "", "the closing quote is missing"},
		"a quote alone":               {[]string{`"`}, "", "the closing quote is missing"},
		"something behind the quote":  {[]string{`"a";b=1`}, "", "behind the closing quote"},
		"an escape of something else": {[]string{`"a\n"`}, "", "a backslash"},
		"an escape of the end":        {[]string{`"a\`}, "", "a backslash"},
		"twice":                       {[]string{"a", "b"}, "", "2 times"},
		"of other letters":            {[]string{"schlüssel"}, "", "ASCII"},
		"with a tab":                  {[]string{"a\tb"}, "", "ASCII"},
	} {
		got, err := publishKey(http.Header{"Idempotency-Key": c.values})
		if got != c.want || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %q and %v, want %q and %q", name, got, err, c.want, c.says)
		}
	}
}

// keyed is a header with a key and a content type.
func keyed(key, contentType string) http.Header {
	return http.Header{"Idempotency-Key": {key}, "Content-Type": {contentType}}
}

func TestEveryEventOfARequestHasAKey(t *testing.T) {
	for name, c := range map[string]struct {
		contentType, body string
		want              []string
	}{
		"one":                 {"", `{"type":"a"}`, []string{"k#1"}},
		"lines":               {"", "\n{\"type\":\"a\"}\nnonsense\n{\"type\":\"a\"}", []string{"k#2", "k#4"}},
		"elements":            {"application/json", `[{"type":"a"},{"type":"a"}]`, []string{"k#1", "k#2"}},
		"one over some lines": {"application/json", "{\n\"type\":\"a\"}", []string{"k#1"}},
	} {
		target := &fakeTarget{}
		publishTo(t, small(target), keyed("k", c.contentType), c.body)
		if !reflect.DeepEqual(target.keys, c.want) {
			t.Errorf("%s: got the keys %q, want %q", name, target.keys, c.want)
		}
	}
}

func TestBodyWithAKeyHasNoMoreEventsThanAStreamRemembers(t *testing.T) {
	target := &fakeTarget{}
	status, report, dispatched := publishTo(t, newPublisher(target, 100, 1<<20), keyed("k", ""), strings.Repeat("{\"type\":\"a\"}\n", maxKeyedEvents+2))
	if status != http.StatusOK || len(dispatched) != maxKeyedEvents || report.Rejected != 2 || !strings.Contains(report.Errors[0].Error, "with Idempotency-Key a body may have 16384 events") {
		t.Errorf("got %d, %+v and %d dispatched, want 16384 and two that say why", status, report, len(dispatched))
	}
}

func TestPublishSaysWhatAStreamDoesNotTake(t *testing.T) {
	lines := `{"type":"t","id":"1"}` + "\n" + `{"type":"t","id":"2"}` + "\n" + `{"type":"t","id":"3"}`
	for name, c := range map[string]struct {
		failure  error
		status   int
		accepted int
		says     string
	}{
		"a type without a stream": {fanout.ErrNoStream, 200, 2, `Idempotency-Key: the type "t" has no stream, which would remember the key`},
		"an event too long":       {fanout.ErrTooLong, 200, 2, "too long"},
		"a store that is away":    {errors.New("connection refused"), 503, 1, `the stream of the type "t" does not take events at the moment (publish: connection refused)`},
	} {
		t.Run(name, func(t *testing.T) {
			target := &fakeTarget{fail: map[string]error{"2": fmt.Errorf("publish: %w", c.failure)}}
			status, report, _ := publishTo(t, small(target), keyed("k", ""), lines)
			said := report.Error
			if len(report.Errors) > 0 {
				said = report.Errors[0].Error
			}
			if status != c.status || report.Accepted != c.accepted || !strings.Contains(said, c.says) {
				t.Errorf("got %d and %+v, want %d, %d accepted and %q", status, report, c.status, c.accepted, c.says)
			}
		})
	}
}

// publishKeyed publishes to the admin address of a hub with a key.
func (p *process) publishKeyed(t *testing.T, header http.Header, body string) (status int, answered http.Header, report publishReport) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.admin+"publish", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header
	status, answered, answer := fetch(t, request)
	if err := json.Unmarshal([]byte(answer), &report); err != nil {
		t.Fatalf("read %s: %v", answer, err)
	}
	return status, answered, report
}

func TestRepeatedRequestsPublishOnce(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil, "--history=price=100")
	subscriber := connect(t, hub.websocket)
	subscriber.subscribe(t, "price", "plain")
	_, _, first := hub.publishKeyed(t, keyed(`"key-1"`, ""), `{"type":"price","payload":1}`)
	if first.Position == nil || first.Position.Offset != 1 || first.Position.Epoch == "" || first.Repeated != 0 || first.Matched != 1 {
		t.Fatalf("got %+v, want the position 1 of an event that is new", first)
	}
	status, _, again := hub.publishKeyed(t, keyed("key-1", ""), `{"type":"price","payload":2}`)
	if status != http.StatusOK || again.Accepted != 1 || again.Repeated != 1 || again.Position == nil || *again.Position != *first.Position {
		t.Errorf("got %d and %+v, want one accepted that repeats %v", status, again, first.Position)
	}
	_, _, many := hub.publishKeyed(t, keyed("key-2", "application/json"), `[{"type":"price","payload":3},{"type":"price","payload":4}]`)
	_, _, more := hub.publishKeyed(t, keyed("key-2", "application/json"), `[{"type":"price","payload":3},{"type":"price","payload":4},{"type":"price","payload":5}]`)
	if many.Position == nil || many.Position.Offset != 3 || more.Accepted != 3 || more.Repeated != 2 || more.Position == nil || more.Position.Offset != 4 {
		t.Errorf("got %+v and then %+v, want 2 events and then a third behind two that repeat them", many, more)
	}
	status, _, plain := hub.publishKeyed(t, keyed("key-3", ""), `{"type":"plain","payload":6}`)
	if status != http.StatusBadRequest || plain.Accepted != 0 || len(plain.Errors) != 1 || !strings.Contains(plain.Errors[0].Error, `the type "plain" has no stream`) {
		t.Errorf("got %d and %+v for a type without a stream, want 400", status, plain)
	}
	status, _, long := hub.publishKeyed(t, keyed(strings.Repeat("k", 300), ""), `{"type":"price","payload":7}`)
	if status != http.StatusBadRequest || !strings.Contains(long.Error, "Idempotency-Key: the key has 300 bytes") {
		t.Errorf("got %d and %+v for a key that is too long, want 400", status, long)
	}
	_, _, without := hub.publishKeyed(t, http.Header{}, `{"type":"plain","payload":8}`)
	if without.Position != nil || without.Accepted != 1 {
		t.Errorf("got %+v for a type without a stream and a key, want no position", without)
	}
	for _, want := range []string{
		`{"type":"price","id":"","payload":1,"offset":1}`, `{"type":"price","id":"","payload":3,"offset":2}`, `{"type":"price","id":"","payload":4,"offset":3}`,
		`{"type":"price","id":"","payload":5,"offset":4}`, `{"type":"plain","id":"","payload":8}`,
	} {
		if got := subscriber.receive(t); got != want {
			t.Errorf("the subscriber got %s, want %s", got, want)
		}
	}
	_, _, metrics := get(t, hub.admin+"metrics")
	for _, line := range []string{
		"spokehub_streams 1", "spokehub_stream_events 4", "spokehub_stream_appended_total 4", "spokehub_stream_trimmed_total 0", "spokehub_stream_repeated_total 3",
		`spokehub_stream_subscriptions_total{result="fresh"} 1`, `spokehub_stream_subscriptions_total{result="resumed"} 0`, "spokehub_lagging 0",
	} {
		if !strings.Contains(metrics, "\n"+line+"\n") {
			t.Errorf("got no line %q in /metrics, want it:\n%s", line, hubLines(metrics))
		}
	}
}

func TestBrokenEventsKeepTheKeysOfTheOthers(t *testing.T) {
	target := &fakeTarget{}
	publishTo(t, small(target), keyed("k", ""), "{\"type\":3}\n"+string(event.Append(nil, event.Event{Type: "a"})))
	if !reflect.DeepEqual(target.keys, []string{"k#2"}) {
		t.Errorf("got the keys %q, want that of the second line", target.keys)
	}
}
