package spoke

import (
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
)

// TestTopicsTellTheHubWhatIsHeld runs random operations beside a plain count and a model of the hub.
func TestTopicsTellTheHubWhatIsHeld(t *testing.T) {
	names := []string{"a", "b", "b:1", "c", "d"}
	random := rand.New(rand.NewPCG(3, 4))
	var table topicTable
	table.connect()
	holds := map[string]int{}
	hub := map[string]bool{}
	refusedByHub := map[string]bool{}
	for step := range 20_000 {
		name := names[random.IntN(len(names))]
		switch random.IntN(9) {
		case 0, 1, 2:
			table.acquire(name)
			holds[name]++
			delete(refusedByHub, name)
		case 3, 4:
			table.release(name)
			holds[name] = max(0, holds[name]-1)
		case 5:
			table.disconnect()
			table.connect()
			clear(hub)
			clear(refusedByHub)
		case 6:
			table.askRounds()
		default:
			subscribe, unsubscribe := table.tell(1+random.IntN(3), 1+random.IntN(10))
			for _, of := range unsubscribe {
				delete(hub, of.name)
			}
			for _, of := range subscribe {
				if hub[of.name] || holds[of.name] == 0 {
					t.Fatalf("step %d: the hub is asked for %s, which it has or nobody holds", step, of.name)
				}
				of.become(asked)
				if random.IntN(4) == 0 {
					table.putOff(of, time.Hour, 24*time.Hour, nil)
					continue
				}
				if random.IntN(4) == 0 {
					of.become(refused)
					refusedByHub[of.name] = true
					continue
				}
				of.become(inForce)
				hub[of.name] = true
			}
		}
		if len(table.untold) > 0 {
			continue
		}
		for _, name := range names {
			want := holds[name] > 0 && !refusedByHub[name]
			if of := table.of[name]; of != nil && of.phase == away {
				want = false
				if r := table.rounds[of.delay]; r == nil || !slices.Contains(r.topics, of) {
					t.Fatalf("step %d: %s is away, and nobody will ask for it again", step, name)
				}
			}
			if hub[name] != want {
				t.Fatalf("step %d: the hub has %s: %v, want %v", step, name, hub[name], want)
			}
			if _, known := table.of[name]; known != (holds[name] > 0) {
				t.Fatalf("step %d: the table has %s: %v, held %d times", step, name, known, holds[name])
			}
		}
	}
}

// askRounds has all topics that are away asked for again.
func (t *topicTable) askRounds() {
	for delay, r := range t.rounds {
		r.timer.Stop()
		t.askRound(delay)
	}
}

// TestAskingAgainSlowsDown has a topic be away again and again.
func TestAskingAgainSlowsDown(t *testing.T) {
	var table topicTable
	table.connect()
	t.Cleanup(table.endRounds)
	of := table.acquire("price")
	for _, want := range []time.Duration{1, 2, 4, 8, 16, 20, 20} {
		if subscribe, _ := table.tell(10, 1000); len(subscribe) != 1 {
			t.Fatalf("the hub is asked for %d topics, want that which is wanted", len(subscribe))
		}
		table.putOff(of, time.Second, 20*time.Second, func(time.Duration) {})
		if of.delay != want*time.Second || len(table.rounds) != 1 {
			t.Errorf("the topic waits for %v in %d rounds, want %v in one", of.delay, len(table.rounds), want*time.Second)
		}
		table.askRounds()
	}
	for range 1000 {
		if d := spread(20 * time.Second); d < 10*time.Second || d > 20*time.Second {
			t.Fatalf("got %v, want 10 to 20 s", d)
		}
	}
}

// TestOutboxKeepsItsBounds checks I1 and I2 of outbox.
func TestOutboxKeepsItsBounds(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	cfg := Config{QueueEvents: 5, QueueBytes: 100, SendBuffer: 1000}
	var box outbox
	for range 20_000 {
		connected := random.IntN(2) == 0
		message := make([]byte, random.IntN(150))
		before := len(box.messages)
		if box.hasRoom(len(message), connected, &cfg) {
			box.push(message)
		} else if random.IntN(2) == 0 && before > 0 {
			box.sent()
		}
		bytes, payload := 0, 0
		for _, m := range box.messages {
			bytes += len(m) + perMessage
			payload += len(m)
		}
		if bytes != box.bytes {
			t.Fatalf("bytes is %d, want %d", box.bytes, bytes)
		}
		grew := len(box.messages) > before
		if grew && !connected && (len(box.messages) > cfg.QueueEvents || payload > cfg.QueueBytes) {
			t.Fatalf("took message %d of %d bytes in all without a connection", len(box.messages), payload)
		}
		if grew && connected && len(box.messages) > 1 && bytes > cfg.SendBuffer {
			t.Fatalf("took %d bytes with a connection", bytes)
		}
	}
}

func TestBackoffLiesBetweenItsBounds(t *testing.T) {
	least, most := 500*time.Millisecond, 20*time.Second
	for attempt := range 70 {
		ceiling := most
		if attempt < 4 {
			ceiling = 2 * time.Second << attempt
		}
		low, high := most, time.Duration(0)
		for range 2000 {
			delay := backoff(attempt, least, most)
			low, high = min(low, delay), max(high, delay)
		}
		if low < least || high > min(ceiling, most) {
			t.Errorf("attempt %d waits %v to %v, want %v to %v", attempt, low, high, least, ceiling)
		}
		if spread := high - low; spread < (min(ceiling, most)-least)*8/10 {
			t.Errorf("attempt %d is spread over %v only, want %v", attempt, spread, ceiling-least)
		}
	}
	if got := backoff(0, time.Hour, time.Hour); got != time.Hour {
		t.Errorf("backoff between an hour and an hour is %v", got)
	}
}

func TestABusyClientDoesNotTakeItsHubForSilent(t *testing.T) {
	a, b := net.Pipe()
	defer b.Close()
	l := &link{raw: &watched{Conn: a, began: time.Now().Add(-time.Hour)}, probed: time.Minute}
	c := &Client{cfg: Config{PingInterval: time.Second, PongTimeout: time.Second}}
	c.signals.write = make(chan struct{}, 1)
	c.link = l
	l.busy.Store(true)
	c.checkPulse()
	l.busy.Store(false)
	c.checkPulse()
	if l.cause.Load() != nil {
		t.Fatal("the connection was given up without a question")
	}
	l.raw.began = l.raw.began.Add(-time.Minute)
	c.checkPulse()
	if cause := l.cause.Load(); cause == nil || *cause != ErrSilent {
		t.Error("the connection was not given up though the question was left unanswered")
	}
}

func FuzzHint(f *testing.F) {
	for _, reason := range []string{`{"retry_after_ms":1500}`, `{"retry_after_ms":-1}`, `{"retry_after_ms":1e300}`, `{"retry_after_ms":"1"}`, ``, `[]`, `{"retry_after_ms":null}`} {
		f.Add(reason)
	}
	f.Fuzz(func(t *testing.T, reason string) {
		delay, ok := parseHint(reason)
		if delay < 0 || delay > maxDuration || !ok && delay != 0 {
			t.Errorf("parseHint(%q) = %v, %v", reason, delay, ok)
		}
	})
}

func FuzzEndpoint(f *testing.F) {
	for _, url := range []string{"ws://hub/ws", "wss://u:p@hub:1/ws?token=x", "http://[::1]:80", "ws+unix:///a/b.sock:/ws", "wss+unix:///a:", "ws+unix://h/a:/b", "::", "ws://hub/%2f"} {
		f.Add(url)
	}
	f.Fuzz(func(t *testing.T, url string) {
		e, err := parseEndpoint(url)
		if err != nil {
			return
		}
		if e.target.Scheme != "ws" && e.target.Scheme != "wss" || e.target.Hostname() == "" {
			t.Errorf("parseEndpoint(%q) has the target %s", url, e.target)
		}
		if e.target.User != nil && strings.Contains(e.name, e.target.User.String()+"@") && e.target.User.String() != "" {
			t.Errorf("parseEndpoint(%q) shows %s", url, e.name)
		}
	})
}

func FuzzExpiry(f *testing.F) {
	for _, token := range []string{"a.eyJleHAiOjE3NjQxNTAwMDB9.c", "..", "a.e30.c", "a.eyJleHAiOi0xfQ.c", "a.eyJleHAiOjFlMzAwfQ.c"} {
		f.Add(token)
	}
	f.Fuzz(func(t *testing.T, token string) {
		if expiry := expiryOf(token); !expiry.IsZero() && expiry.Unix() < 0 {
			t.Errorf("expiryOf(%q) = %v", token, expiry)
		}
	})
}

func TestRejectErrorsSayWhatToDo(t *testing.T) {
	for _, e := range []*RejectError{{Topic: "a", Reason: event.Forbidden}, {Topic: "a", Reason: event.Limit, Published: true}, {Reason: event.Unauthenticated}} {
		if text := e.Error(); !strings.Contains(text, string(e.Reason)) || strings.Count(text, ":") < 3 {
			t.Errorf("the error is %q, want what, why and what to do", text)
		}
	}
}

// TestTopicsWithoutAConnectionAreThoseHeld adds and removes topics while there is nobody to tell.
func TestTopicsWithoutAConnectionAreThoseHeld(t *testing.T) {
	var table topicTable
	table.acquire("kept")
	for i := range 1000 {
		name := fmt.Sprint("t", i)
		table.acquire(name)
		table.release(name)
	}
	if len(table.of) != 1 || len(table.untold) != 0 {
		t.Errorf("the table has %d topics and %d to tell, want that which is held and none", len(table.of), len(table.untold))
	}
	table.connect()
	if subscribe, unsubscribe := table.tell(10, 1000); len(subscribe) != 1 || len(unsubscribe) != 0 {
		t.Errorf("a new connection is told %d topics and %d to forget, want 1 and 0", len(subscribe), len(unsubscribe))
	}
}

// TestAReasonIsShownWithoutWhatATerminalObeys: the hub, or what stands in its place, chooses it.
func TestAReasonIsShownWithoutWhatATerminalObeys(t *testing.T) {
	text := (&CloseError{Code: 1008, Reason: "\x1b[2Jgone\nforged"}).Error()
	if strings.ContainsAny(text, "\x1b\n") {
		t.Errorf("the error is %q", text)
	}
}

// TestAPolicyCloseBlamesNotTheClientAlone: POST /disconnect has this code if the operator names no other.
func TestAPolicyCloseBlamesNotTheClientAlone(t *testing.T) {
	if text := (&CloseError{Code: codePolicy}).Error(); !strings.Contains(text, "operator") {
		t.Errorf("the error is %q, want an operator among the causes", text)
	}
}

// TestTheTimeToComeBackIsNoTextForPeople: it is JSON, and the delay is told by who waits for it.
func TestTheTimeToComeBackIsNoTextForPeople(t *testing.T) {
	for reason, shown := range map[string]bool{`{"retry_after_ms":5065}`: false, "for maintenance": true, `{"later":1}`: true} {
		if text := (&CloseError{Code: 1012, Reason: reason}).Error(); strings.Contains(text, reason) != shown {
			t.Errorf("the error is %q, want the reason %s in it: %t", text, reason, shown)
		}
	}
}
