package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/event"
)

func TestPositionsOfSinceAreRead(t *testing.T) {
	at := func(offset uint64) event.Position { return event.Position{Epoch: "x7", Offset: offset} }
	for name, c := range map[string]struct {
		values, topics []string
		want           map[string]event.Position
		says           string
	}{
		"none":                        {nil, []string{"a"}, map[string]event.Position{}, ""},
		"one":                         {[]string{"x7:42"}, []string{"a"}, map[string]event.Position{"a": at(42)}, ""},
		"one for all ids of a type":   {[]string{"x7:42"}, []string{"a:1", "a:2"}, map[string]event.Position{"a:1": at(42), "a:2": at(42)}, ""},
		"one each":                    {[]string{"a=x7:1", "b:2=x7:2"}, []string{"a", "b:2", "c"}, map[string]event.Position{"a": at(1), "b:2": at(2)}, ""},
		"a topic with an equals sign": {[]string{"a=b=x7:1"}, []string{"a=b"}, map[string]event.Position{"a=b": at(1)}, ""},
		"one for two types":           {[]string{"x7:42"}, []string{"a", "b:1"}, nil, "a and b are two: write --since a=x7:42"},
		"another topic":               {[]string{"b=x7:1"}, []string{"a"}, nil, `"b" is none of the topics, which are a`},
		"twice":                       {[]string{"a=x7:1", "a=x7:2"}, []string{"a"}, nil, `"a" has two positions`},
		"twice for all":               {[]string{"x7:1", "x7:2"}, []string{"a"}, nil, `"a" has two positions`},
		"an offset alone":             {[]string{"42"}, []string{"a"}, nil, `position "42" has no colon`},
		"nothing":                     {[]string{""}, []string{"a"}, nil, "no colon"},
		"nothing for a topic":         {[]string{"a="}, []string{"a"}, nil, "no colon"},
		"a negative offset":           {[]string{"x7:-1"}, []string{"a"}, nil, "the offset of position"},
		"an epoch that is none":       {[]string{"x.7:1"}, []string{"a"}, nil, "the epoch of position"},
	} {
		got, err := sincePositions(c.values, c.topics)
		if (err == nil) != (c.says == "") || err == nil && !maps.Equal(got, c.want) || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v and %v, want %v and %q", name, got, err, c.want, c.says)
		}
	}
}

func TestFlagsThatGoOnAreForAShell(t *testing.T) {
	at := map[string]event.Position{"a": {Epoch: "x7", Offset: 1}, "it's": {Epoch: "x7", Offset: 2}, "b c": {Epoch: "x7", Offset: 3}}
	if got, want := sinceFlags([]string{"a"}, at), "--since x7:1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := sinceFlags([]string{"a", "it's", "plain", "b c"}, at), `--since a=x7:1 --since 'it'\''s=x7:2' --since 'b c=x7:3'`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSubRejectsPositionsThatAreNone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		arguments []string
		says      string
	}{
		{[]string{"price", "--since", "42"}, `--since: position "42" has no colon: write EPOCH:OFFSET, as in x7:42`},
		{[]string{"price", "--since", "price=x7:"}, "--since: the offset of position"},
		{[]string{"price", "order", "--since", "x7:42"}, "write --since price=x7:42"},
		{[]string{"price", "--since", "order=x7:42"}, `--since: "order" is none of the topics`},
		{[]string{"price", "price:a", "--since", "price:a=x7:42"}, `--since: "price:a" is none of the topics`},
		{[]string{"price", "--since"}, "--since: a value is missing"},
	} {
		if stdout, stderr, code := runBinary(t, nil, append([]string{"sub"}, c.arguments...)...); code != exitUsage || stdout != "" || !strings.Contains(stderr, c.says) {
			t.Errorf("%q: got %d, %q and %q, want 2 and %q", c.arguments, code, stdout, stderr, c.says)
		}
	}
}

// numbers are lines of events of a type, whose payloads count from first to last.
func numbers(typ string, first, last int) string {
	var lines strings.Builder
	for n := first; n <= last; n++ {
		fmt.Fprintf(&lines, "{\"type\":%q,\"id\":\"%c\",\"payload\":%d}\n", typ, 'a'+n%2, n)
	}
	return lines.String()
}

// printedLine is a line of --json.
type printedLine struct {
	Type    string
	Payload json.RawMessage
	Offset  uint64
	Epoch   string
	Gap     *struct {
		Topic, Epoch, Reason string
		From, To             uint64
		Missed               *int64
	}
}

// lines run a command to its end and return what it printed, and the flags with which it goes on.
func (p *process) sub(t *testing.T, arguments ...string) (lines []printedLine, goOn string) {
	t.Helper()
	stdout, stderr, code := runBinary(t, nil, append([]string{"sub", "--json", "--url", p.websocket}, arguments...)...)
	if code != exitOK {
		t.Fatalf("got exit code %d and %q, want 0", code, stderr)
	}
	for text := range strings.Lines(stdout) {
		var line printedLine
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("read %s: %v", text, err)
		}
		lines = append(lines, line)
	}
	_, goOn, _ = strings.Cut(strings.TrimSpace(stderr), "spokehub: to go on from here: ")
	return lines, goOn
}

func TestSubGoesOnWhereItEnded(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil, "--history=price=100", "--history=order=100")
	post(t, hub.admin+"publish", "", numbers("price", 1, 20)+numbers("order", 1, 5))
	_, past := hub.history(t, "topic=price&limit=1")
	since := "--since=" + past.Epoch + ":5"
	next := uint64(6)
	for range 3 {
		lines, goOn := hub.sub(t, "price", "--count", "4", since)
		for _, line := range lines {
			if line.Offset != next || line.Epoch != past.Epoch || string(line.Payload) != fmt.Sprint(next) {
				t.Errorf("got %+v, want the event %d", line, next)
			}
			next++
		}
		if want := fmt.Sprintf("--since %s:%d", past.Epoch, next-1); len(lines) != 4 || goOn != want {
			t.Errorf("got %d lines and then %q, want 4 and %q", len(lines), goOn, want)
		}
		since = strings.Replace(goOn, " ", "=", 1)
	}
	lines, goOn := hub.sub(t, "price:a", "order", "--count", "5", "--since=price:a="+past.Epoch+":17", "--since=order="+past.Epoch+":2")
	if want := fmt.Sprintf("--since price:a=%[1]s:20 --since order=%[1]s:5", past.Epoch); len(lines) != 5 || goOn != want {
		t.Errorf("got %+v and then %q, want two prices, three orders and %q", lines, goOn, want)
	}
	if _, goOn = hub.sub(t, "price", "--for", "1ms"); goOn != "--since "+past.Epoch+":20" && goOn != "" {
		t.Errorf("got %q from a run without an event, want the top of the stream, or nothing if the time was up ahead of it", goOn)
	}
}

func TestSubPrintsGapsInTheirPlace(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil, "--history=price=4")
	post(t, hub.admin+"publish", "", numbers("price", 1, 9))
	_, past := hub.history(t, "topic=price&limit=1")
	lines, _ := hub.sub(t, "price", "--count", "4", "--since", past.Epoch+":2")
	if len(lines) != 5 || lines[0].Gap == nil || lines[1].Offset != 6 {
		t.Fatalf("got %+v, want a gap and four events", lines)
	}
	if g := lines[0].Gap; g.Topic != "price" || g.Epoch != past.Epoch || g.Missed == nil || *g.Missed != 3 || g.Reason != "trimmed" {
		t.Errorf("got the gap %+v, want three that were trimmed", g)
	}
	stdout, stderr, code := runBinary(t, nil, "sub", "--url", hub.websocket, "price", "--count", "4", "--since", past.Epoch+":2")
	if want := regexp.MustCompile(`^\d\d:\d\d:\d\d\.\d{3}  price  gap: 3 events are missing(, of 3 to 5)? \(trimmed\)\n\d\d:\d\d:\d\d\.\d{3}  price:a  6\n`); code != exitOK || !want.MatchString(stdout) {
		t.Errorf("got %d, %q and %q, want a line of the gap and four events", code, stdout, stderr)
	}
}

func TestSubSaysWhatNobodyCanKnow(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil, "--history=price=4")
	for topic, wantGoOn := range map[string]bool{"price": true, "plain": false} {
		sub := startTool(t, nil, "sub", "--json", "--url", hub.websocket, topic, "--count", "1", "--since", "gone:2")
		keepPublishing(t, hub, sub, event.Event{Type: topic, Payload: []byte("1")})
		code, stderr := sub.end(t)
		var line printedLine
		if err := json.Unmarshal([]byte(sub.next(t)), &line); err != nil || code != exitOK {
			t.Fatal(err, code)
		}
		if line.Gap == nil || line.Gap.Missed != nil || line.Gap.Reason != "fresh" || line.Gap.Topic != topic {
			t.Errorf("%s: got %+v first, want a gap of which nobody knows how many", topic, line)
		}
		if got := strings.Contains(stderr, "to go on from here"); got != wantGoOn {
			t.Errorf("%s: got %q, want that it says how to go on: %v", topic, stderr, wantGoOn)
		}
	}
}

func TestSubSaysWhyNobodyCanKnow(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil, "--history=price=4")
	sub := startTool(t, nil, "sub", "--url", hub.websocket, "price", "--count", "1", "--since", "gone:2")
	keepPublishing(t, hub, sub, event.Event{Type: "price", Payload: []byte("1")})
	code, stderr := sub.end(t)
	want := "price  gap: the stream has begun anew since, or the hub keeps nothing of this, so nobody knows how many events are missing (fresh)"
	if line := sub.next(t); !strings.HasSuffix(strings.TrimSpace(line), want) {
		t.Errorf("got %d, %q and %q, want %q", code, line, stderr, want)
	}
}

func TestSubMissesNothingWhileItIsPublishedTo(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil, "--history=price=100000")
	publisher := connectClient(t, hub.websocket)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for n := 1; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			if publisher.Publish(t.Context(), event.Event{Type: "price", Payload: fmt.Append(nil, n)}) != nil || publisher.Flush(t.Context()) != nil {
				return
			}
		}
	}()
	lines, goOn := hub.sub(t, "price", "--count", "3")
	for range 5 {
		more, next := hub.sub(t, "price", "--count", "20", strings.Replace(goOn, " ", "=", 1))
		lines, goOn = append(lines, more...), next
	}
	close(stop)
	<-stopped
	for i, line := range lines {
		if line.Gap != nil || line.Offset != lines[0].Offset+uint64(i) {
			t.Fatalf("got %+v behind %d others, want all events from %d on", line, i, lines[0].Offset)
		}
	}
}
