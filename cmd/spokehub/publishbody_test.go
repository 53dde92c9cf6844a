package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/fanout"
)

const eventA, eventB = `{"type":"a","id":"","payload":1}`, `{"type":"b","id":"7","payload":{"x": [2]}}`

func compressed(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	writer := gzip.NewWriter(&out)
	if _, err := io.WriteString(writer, text); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// publishCase is a request and what is to become of it.
type publishCase struct {
	name       string
	header     http.Header
	body       string
	status     int
	dispatched []string
	bad        []publishError
	says       string
}

func (c publishCase) check(t *testing.T, target *fakeTarget) {
	t.Helper()
	status, report, dispatched := publishTo(t, small(target), c.header, c.body)
	if status != c.status || !reflect.DeepEqual(dispatched, c.dispatched) {
		t.Errorf("got status %d, %+v and dispatched %q, want %d and %q", status, report, dispatched, c.status, c.dispatched)
	}
	if report.Accepted != len(c.dispatched) {
		t.Errorf("got %d accepted, want %d", report.Accepted, len(c.dispatched))
	}
	all := report.Error
	for i := range report.Errors {
		all += " " + report.Errors[i].Error + "\n"
		report.Errors[i].Error = ""
	}
	if !slices.Equal(report.Errors, c.bad) || report.Rejected != len(c.bad) {
		t.Errorf("got %d rejected, at %+v, want %+v", report.Rejected, report.Errors, c.bad)
	}
	if !strings.Contains(all, c.says) || c.status != http.StatusOK && all == "" {
		t.Errorf("got the errors %q, want %q in them", all, c.says)
	}
}

func TestPublishTakesTheTypesThatClientsSend(t *testing.T) {
	t.Parallel()
	encoding := func(coding string) http.Header { return http.Header{"Content-Encoding": {coding}} }
	both := []string{eventA, eventB}
	lines := eventA + "\n" + eventB + "\n"
	const ok, unsupported, bad = http.StatusOK, http.StatusUnsupportedMediaType, http.StatusBadRequest
	for _, c := range []publishCase{
		{"no type", http.Header{}, lines, ok, both, nil, ""},
		{"curl's own type", ofType("application/x-www-form-urlencoded"), lines, ok, both, nil, ""},
		{"plain text with a charset", ofType("TEXT/Plain; charset=UTF-8"), eventA, ok, both[:1], nil, ""},
		{"lines of JSON", ofType("application/x-ndjson"), lines, ok, both, nil, ""},
		{"lines of JSON by another name", ofType("application/jsonl; charset=utf-8"), lines, ok, both, nil, ""},
		{"bytes", ofType("application/octet-stream"), lines, ok, both, nil, ""},
		{"a form with files", ofType("multipart/form-data; boundary=x"), lines, unsupported, nil, nil, "--data-binary"},
		{"XML", ofType("text/xml"), lines, unsupported, nil, nil, "application/x-ndjson"},
		{"events of another standard", ofType("application/cloudevents+json"), eventA, unsupported, nil, nil, "application/json"},
		{"what is no type", ofType(";"), lines, unsupported, nil, nil, "application/x-ndjson"},
		{"another charset", ofType("application/json; charset=utf-16"), eventA, unsupported, nil, nil, "UTF-8"},
		{"gzip", encoding("gzip"), compressed(t, lines), ok, both, nil, ""},
		{"gzip in capitals by its old name", encoding("X-GZIP"), compressed(t, lines), ok, both, nil, ""},
		{"gzip in two members", encoding("gzip"), compressed(t, lines[:20]) + compressed(t, lines[20:]), ok, both, nil, ""},
		{"identity", encoding("identity"), lines, ok, both, nil, ""},
		{"gzip of more than the limit", encoding("gzip"), compressed(t, strings.Repeat(eventA+"\n", 100)), http.StatusRequestEntityTooLarge, slicesRepeat(eventA, 30), []publishError{{Line: 31}}, "--publish-limit"},
		{"gzip of a very long line", encoding("gzip"), compressed(t, strings.Repeat("x", 1<<22)), http.StatusRequestEntityTooLarge, nil, []publishError{{Line: 1}}, "--publish-limit"},
		{"gzip that is none", encoding("gzip"), lines, bad, nil, nil, "gzip"},
		{"gzip that breaks off", encoding("gzip"), compressed(t, lines)[:30], bad, nil, []publishError{{Line: 1}}, "unexpected EOF"},
		{"gzip that nobody announced", http.Header{}, compressed(t, lines), bad, nil, nil, "Content-Encoding: gzip"},
		{"gzip twice", encoding("gzip, gzip"), compressed(t, lines), unsupported, nil, nil, "gzip once"},
		{"brotli", encoding("br"), lines, unsupported, nil, nil, "br isn't read: send gzip"},
		{"zstd", encoding("zstd"), lines, unsupported, nil, nil, "zstd"},
		{"deflate", encoding("deflate"), lines, unsupported, nil, nil, "deflate"},
		{"nothing", http.Header{}, "", bad, nil, nil, "empty"},
		{"nothing but blanks", http.Header{}, " \r\n\t\n", bad, nil, nil, "empty"},
		{"nothing as JSON", ofType("application/json"), " \n", bad, nil, nil, "empty"},
		{"a byte order mark", http.Header{}, "\xEF\xBB\xBF" + lines, ok, both, nil, ""},
		{"a byte order mark in JSON", ofType("application/json"), "\xEF\xBB\xBF" + eventA, ok, both[:1], nil, ""},
		{"UTF-16", http.Header{}, "\xFF\xFE{\x00}\x00", bad, nil, nil, "UTF-16"},
		{"an array on a line", http.Header{}, "[" + eventA + "]\n" + eventB, ok, both[1:], []publishError{{Line: 1}}, "Content-Type: application/json"},
		{"an event over lines", http.Header{}, "{\n\"type\":\"a\"\n}\n", bad, nil, []publishError{{Line: 1}, {Line: 2}, {Line: 3}}, "Content-Type: application/json"},
		{"lines that curl -d has joined", ofType("application/x-www-form-urlencoded"), eventA + eventB, bad, nil, []publishError{{Line: 1}}, "--data-binary"},
		{"a control event in curl's own type", ofType("application/x-www-form-urlencoded"), `{"type":"__ack"}`, bad, nil, []publishError{{Line: 1}}, "control events\n"},
		{"a form", ofType("application/x-www-form-urlencoded"), "type=a&payload=1", bad, nil, []publishError{{Line: 1}}, "JSON object"},
	} {
		t.Run(c.name, func(t *testing.T) { c.check(t, &fakeTarget{}) })
	}
}

func TestPublishOfArrays(t *testing.T) {
	both := []string{eventA, eventB}
	at := func(elements ...int) (bad []publishError) {
		for _, element := range elements {
			bad = append(bad, publishError{Element: element})
		}
		return bad
	}
	tricky := `{"type":"a","id":"","payload":"],[{\"\\"}`
	long := `{"type":"a","payload":"` + strings.Repeat("],", 100) + `"}`
	const ok, bad = http.StatusOK, http.StatusBadRequest
	for _, c := range []publishCase{
		{"takes each element", nil, "[" + eventA + "," + eventB + "]", ok, both, nil, ""},
		{"takes blanks and lines", nil, " [\n " + eventA + "\r\n,\t" + eventB + " ]\n", ok, both, nil, ""},
		{"takes brackets, commas and quotes in strings", nil, "[" + tricky + "," + eventB + "]", ok, []string{tricky, eventB}, nil, ""},
		{"names a bad element and goes on", nil, `[` + eventA + `,{"type":3},7,` + eventB + `,"x"]`, ok, both, at(2, 3, 5), ""},
		{"names an element that is too long", nil, "[" + long + "," + eventB + "]", ok, both[1:], at(1), "100B"},
		{"rejects two events without a comma", nil, "[" + eventA + eventB + "]", bad, nil, at(1), ""},
		{"rejects a brace too many and goes on", nil, "[" + eventA + "}," + eventB + "]", ok, both[1:], at(1), ""},
		{"rejects arrays in arrays", nil, "[[" + eventA + "]," + eventB + "]", ok, both[1:], at(1), ""},
		{"rejects missing elements", nil, "[," + eventA + ",]", ok, both[:1], at(1, 3), "missing"},
		{"says that none is in it", nil, "[ ]", bad, nil, nil, "empty"},
		{"says that it isn't closed", nil, "[" + eventA + "," + eventB, bad, both[:1], at(2), "isn't closed"},
		{"says that it ends behind a comma", nil, "[" + eventA + ",", bad, both[:1], at(2), "isn't closed"},
		{"says that only its bracket came", nil, "[", bad, nil, at(1), "isn't closed"},
		{"says that more comes behind it", nil, "[" + eventA + "]" + eventB, bad, both[:1], nil, "behind the array"},
		{"says that lines have another type", nil, eventA + "\n" + eventB + "\n", bad, nil, []publishError{{Line: 2}}, "application/x-ndjson"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.header = ofType("application/json")
			c.check(t, &fakeTarget{})
		})
	}
}

func TestPublishSaysWhatTheHubHadNoRoomFor(t *testing.T) {
	lines := `{"type":"t","id":"1"}` + "\n" + `{"type":"t","id":"2"}` + "\n" + `{"type":"t","id":"3"}`
	first := []string{`{"type":"t","id":"1","payload":null}`}
	for name, c := range map[string]struct {
		failure error
		says    string
	}{
		"full queues":     {context.DeadlineExceeded, "no room"},
		"a hub that ends": {fanout.ErrClosed, "closed"},
	} {
		t.Run(name, func(t *testing.T) {
			target := &fakeTarget{fail: map[string]error{"2": fmt.Errorf("publish: %w", c.failure)}}
			publishCase{"", http.Header{}, lines, http.StatusServiceUnavailable, first, nil, c.says}.check(t, target)
		})
	}
}

func TestPublishReservesWhatItHolds(t *testing.T) {
	long := `{"type":"a","id":"","payload":"` + strings.Repeat("x", 60<<10) + `"}`
	for name, c := range map[string]struct {
		budget     int64
		body       string
		status     int
		dispatched int
		peak       int64
	}{
		"of a short line":          {0, eventA + "\n" + eventB, 200, 2, 8 << 10},
		"of a long line":           {0, eventA + "\n" + long, 200, 2, 128 << 10},
		"of many lines":            {0, strings.Repeat(eventA+"\n", 10000), 200, 10000, 8 << 10},
		"of a line that is longer": {0, eventA + "\n" + strings.Repeat("x", 1<<20), 200, 1, 128 << 10},
		"and says 503 at once":     {4 << 10, eventA, 503, 0, 0},
		"and says 503 at a line":   {16 << 10, eventA + "\n" + long + "\n" + eventB, 503, 1, 16 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			target := &fakeTarget{budget: c.budget}
			status, report, dispatched := publishTo(t, newPublisher(target, 64<<10, 4<<20), http.Header{}, c.body)
			if status != c.status || len(dispatched) != c.dispatched || report.Accepted != c.dispatched {
				t.Errorf("got status %d, %+v and %d dispatched, want %d and %d", status, report, len(dispatched), c.status, c.dispatched)
			}
			if target.peak > c.peak {
				t.Errorf("got %d bytes reserved at the most, want no more than %d", target.peak, c.peak)
			}
		})
	}
}

// continued is a body that says whether anybody has asked for it.
type continued struct {
	io.Reader
	read bool
}

func (c *continued) Read(p []byte) (int, error) {
	c.read = true
	return c.Reader.Read(p)
}

func TestPublishReadsNoBodyThatItRejects(t *testing.T) {
	for name, c := range map[string]struct {
		header http.Header
		length int64
		status int
		read   bool
	}{
		"one that is too long":     {http.Header{}, 1001, http.StatusRequestEntityTooLarge, false},
		"one of another type":      {ofType("image/png"), 10, http.StatusUnsupportedMediaType, false},
		"one in another encoding":  {http.Header{"Content-Encoding": {"br"}}, 10, http.StatusUnsupportedMediaType, false},
		"one that it takes, if so": {http.Header{}, int64(len(eventA)), http.StatusOK, true},
	} {
		t.Run(name, func(t *testing.T) {
			body := &continued{Reader: strings.NewReader(eventA)}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r.Body = io.NopCloser(body)
				r.ContentLength, r.Header = c.length, c.header
				small(&fakeTarget{}).ServeHTTP(w, r)
			}))
			defer server.Close()
			status, _ := post(t, server.URL, "", "")
			if status != c.status || body.read != c.read {
				t.Errorf("got status %d and read %v, want %d and %v", status, body.read, c.status, c.read)
			}
		})
	}
}

func TestPublishGivesUpOnASlowBody(t *testing.T) {
	for name, patience := range map[string]publishPatience{
		"that stalls":   {read: time.Millisecond, body: time.Hour},
		"that trickles": {read: time.Hour, body: time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			target := &fakeTarget{}
			p := small(target)
			p.patience = patience
			p.patience.room = time.Hour
			server := httptest.NewServer(p)
			defer server.Close()
			body, rest := io.Pipe()
			defer rest.Close()
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, body)
			if err != nil {
				t.Fatal(err)
			}
			status, _, answer := fetch(t, request)
			if status != http.StatusRequestTimeout || !strings.Contains(answer, "too slowly") {
				t.Errorf("got %d %s, want 408 with the reason", status, answer)
			}
		})
	}
}

func TestPublishBoundsHowManyAreRead(t *testing.T) {
	p := small(&fakeTarget{})
	p.patience.turn = time.Millisecond
	for range maxPublishes {
		p.running <- struct{}{}
	}
	status, report, _ := publishTo(t, p, http.Header{}, eventA)
	if status != http.StatusServiceUnavailable || report.Accepted != 0 || !strings.Contains(report.Error, "64") {
		t.Errorf("got status %d and %+v, want 503 with the number", status, report)
	}
	<-p.running
	if status, report, _ := publishTo(t, p, http.Header{}, eventA); status != http.StatusOK {
		t.Errorf("got status %d and %+v with a place free, want 200", status, report)
	}
	if len(p.running) != maxPublishes-1 {
		t.Errorf("got %d places taken behind it, want %d", len(p.running), maxPublishes-1)
	}
}

func TestPublishAsksForABodyOnlyIfItTakesIt(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil)
	for name, c := range map[string]struct {
		fields string
		want   []string
	}{
		"one that it takes":    {"Content-Length: " + strconv.Itoa(len(eventA)), []string{"100", "200"}},
		"a chunked one":        {"Transfer-Encoding: chunked", []string{"100", "200"}},
		"one of another type":  {"Content-Type: image/png\r\nContent-Length: 10", []string{"415"}},
		"one that is too long": {"Content-Length: 1000000000", []string{"413"}},
		"one in brotli":        {"Content-Encoding: br\r\nContent-Length: 10", []string{"415"}},
	} {
		t.Run(name, func(t *testing.T) {
			address := strings.TrimSuffix(strings.TrimPrefix(hub.admin, "http://"), "/")
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprintf(conn, "POST /publish HTTP/1.1\r\nHost: %s\r\nExpect: 100-continue\r\n%s\r\n\r\n", address, c.fields)
			answers := bufio.NewReader(conn)
			for _, want := range c.want {
				line, err := answers.ReadString('\n')
				if err != nil || !strings.HasPrefix(line, "HTTP/1.1 "+want) {
					t.Fatalf("got %q and %v, want %s", line, err, want)
				}
				if want != "100" {
					break
				}
				if _, err := answers.ReadString('\n'); err != nil {
					t.Fatal(err)
				}
				body := eventA
				if strings.Contains(c.fields, "chunked") {
					body = fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(eventA), eventA)
				}
				if _, err := io.WriteString(conn, body); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
