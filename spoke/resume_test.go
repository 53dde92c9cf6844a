package spoke_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/spoke"
)

// sinceOf returns the topics of a subscription with the positions that it asks for, sorted.
func sinceOf(t *testing.T, message string) (all []string) {
	t.Helper()
	var e struct {
		Payload struct {
			Topics []string
			Since  map[string]event.Position
		}
	}
	if err := json.Unmarshal([]byte(message), &e); err != nil {
		t.Fatal(err)
	}
	for _, topic := range e.Payload.Topics {
		all = append(all, strings.TrimSpace(topic+" "+e.Payload.Since[topic].String()))
	}
	slices.Sort(all)
	return all
}

// ackAt acknowledges a subscription. Of its topics, those of positions are of a stream.
func (c *serverConn) ackAt(message string, positions map[string]event.AckPosition) {
	q := parse(message)
	var topics [][]byte
	var members []byte
	for _, topic := range q.Payload.Topics {
		topics = append(topics, []byte(topic))
		if p, ok := positions[topic]; ok {
			members = event.AppendAckPosition(members, []byte(topic), p.Position, p.Result, p.Missed)
		}
	}
	c.send(string(event.AppendAckPositions(event.AppendAck(nil, []byte(q.ID), topics), members)))
}

// sendAt sends an event of a stream.
func (c *serverConn) sendAt(typ, id string, offset uint64) {
	message := event.Append(nil, event.Event{Type: typ, ID: id, Payload: fmt.Append(nil, offset)})
	c.send(string(event.AppendOffset(message, offset)))
}

func at(epoch string, offset uint64) event.Position {
	return event.Position{Epoch: epoch, Offset: offset}
}

func fresh(epoch string, offset uint64) event.AckPosition {
	return event.AckPosition{Position: at(epoch, offset), Result: event.Fresh}
}

func resumed(epoch string, offset uint64) event.AckPosition {
	return event.AckPosition{Position: at(epoch, offset), Result: event.Resumed}
}

// subscribed returns a client that is subscribed to topics, in one message.
func subscribed(t *testing.T, url string, config spoke.Config, topics ...string) *spoke.Client {
	t.Helper()
	client := dial(t, url, config)
	if err := client.Subscribe(t.Context(), topics...); err != nil {
		t.Fatal(err)
	}
	return client
}

// TestAClientResumesWhereItsTopicsAre has a connection broken twice, the second time in the middle of a replay.
func TestAClientResumesWhereItsTopicsAre(t *testing.T) {
	heard := make(chan []string, 10)
	url := scripted(t, func(c *serverConn, number int) {
		message := c.next()
		heard <- sinceOf(t, message)
		switch number {
		case 0:
			c.ackAt(message, map[string]event.AckPosition{"price:a": fresh("x7", 40), "price:b": fresh("x7", 40), "order": fresh("x7", 9)})
			c.sendAt("price", "a", 43)
		case 1:
			c.ackAt(message, map[string]event.AckPosition{"price:a": resumed("x7", 60), "price:b": resumed("x7", 60), "order": resumed("x7", 9)})
			c.sendAt("price", "b", 50)
		default:
			c.ackAt(message, map[string]event.AckPosition{"price:a": resumed("x7", 60), "price:b": resumed("x7", 60), "order": resumed("x7", 9)})
			c.serve(nil)
		}
	})
	subscribed(t, url, spoke.Config{}, "news", "order", "price:a", "price:b")
	for _, want := range [][]string{
		{"news", "order", "price:a", "price:b"},
		{"news", "order x7:9", "price:a x7:43", "price:b x7:43"},
		{"news", "order x7:9", "price:a x7:43", "price:b x7:50"},
	} {
		if got := await(t, "a subscription", heard); !slices.Equal(got, want) {
			t.Errorf("the client subscribes to %q, want %q", got, want)
		}
	}
}

// TestWhatIsGoneIsTold has the answer to a client that resumes at x7:40 say what is gone.
func TestWhatIsGoneIsTold(t *testing.T) {
	unknown := event.Gap{Topic: "price", Epoch: "x8", Missed: -1, Reason: spoke.GapFresh}
	for name, c := range map[string]struct {
		answer map[string]event.AckPosition
		want   *event.Gap
		after  event.Position
	}{
		"resumed is nothing":             {map[string]event.AckPosition{"price": resumed("x7", 60)}, nil, at("x7", 40)},
		"a gap is what it says":          {map[string]event.AckPosition{"price": {Position: at("x7", 60), Result: event.Gapped, Missed: 5}}, &event.Gap{Topic: "price", Epoch: "x7", From: 41, Missed: 5, Reason: event.GapTrimmed}, at("x7", 40)},
		"another epoch is unknown":       {map[string]event.AckPosition{"price": fresh("x8", 3)}, &unknown, at("x8", 3)},
		"a stream that fell back is too": {map[string]event.AckPosition{"price": fresh("x7", 3)}, &event.Gap{Topic: "price", Epoch: "x7", Missed: -1, Reason: spoke.GapFresh}, at("x7", 3)},
		"so is no stream":                {nil, &event.Gap{Topic: "price", Missed: -1, Reason: spoke.GapFresh}, event.Position{}},
	} {
		t.Run(name, func(t *testing.T) {
			url := scripted(t, func(conn *serverConn, _ int) {
				conn.ackAt(conn.next(), c.answer)
				conn.serve(nil)
			})
			gaps := make(chan event.Gap, 10)
			client := dial(t, url, spoke.Config{OnGap: func(g event.Gap) { gaps <- g }})
			if err := client.Resume("price", at("x7", 40)); err != nil {
				t.Fatal(err)
			}
			if err := client.Subscribe(t.Context(), "price"); err != nil {
				t.Fatal(err)
			}
			flush(t, client)
			if c.want != nil {
				if got := await(t, "the gap", gaps); got != *c.want {
					t.Errorf("OnGap was told %+v, want %+v", got, *c.want)
				}
			}
			if len(gaps) > 0 {
				t.Errorf("OnGap was told %+v besides", <-gaps)
			}
			if got, ok := client.Position("price"); got != c.after || ok != (c.after.Epoch != "") {
				t.Errorf("Position() = %v, %v, want %v", got, ok, c.after)
			}
		})
	}
}

func TestAGapStandsInItsPlace(t *testing.T) {
	begin := make(chan struct{})
	url := scripted(t, func(c *serverConn, _ int) {
		message := c.next()
		c.ackAt(message, map[string]event.AckPosition{"price:a": fresh("x7", 40)})
		<-begin
		c.sendAt("price", "a", 41)
		c.send(`{"type":"__gap","id":"","payload":{"topic":"price","epoch":"x7","from":42,"to":50,"missed":9,"reason":"slow"}}`)
		c.sendAt("price", "a", 51)
		c.send(`{"type":"__gap","id":"","payload":{"topic":"price:b","epoch":"x7","from":52,"to":52,"missed":1,"reason":"slow"}}`)
		c.send(`{"type":"__gap","id":"","payload":{"topic":"price:a","missed":null,"reason":"broker"}}`)
		c.sendAt("price", "a", 53)
		c.serve(nil)
	})
	var told []string
	client := dial(t, url, spoke.Config{OnGap: func(g event.Gap) { told = append(told, fmt.Sprint(g.Missed, " ", g.Reason)) }})
	client.AddEventListener("price:a", func(e event.Event) { told = append(told, string(e.Payload)) })
	close(begin)
	var got []string
	for e, err := range client.Events(t.Context(), "price:a") {
		if gap, ok := errors.AsType[*spoke.GapError](err); ok {
			got = append(got, fmt.Sprint(gap.Gap.Missed, " ", gap.Gap.Reason))
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, fmt.Sprint(e.Offset)); e.Offset == 53 {
			break
		}
	}
	want := []string{"41", "9 slow", "51", "-1 broker", "53"}
	if !slices.Equal(got, want) {
		t.Errorf("the loop got %q, want %q", got, want)
	}
	flush(t, client)
	client.Close()
	<-client.Done()
	if !slices.Equal(told, want) {
		t.Errorf("the listener and OnGap were told %q, want %q", told, want)
	}
	if got := client.Stats().Gaps; got != 2 {
		t.Errorf("Stats().Gaps = %d, want 2: nobody wants price:b", got)
	}
}

func TestAnEventThatComesAgainIsDroppedAndCounted(t *testing.T) {
	url := scripted(t, func(c *serverConn, _ int) {
		c.ackAt(c.next(), map[string]event.AckPosition{"price": fresh("x7", 40)})
		for _, offset := range []uint64{40, 41, 41, 42, 41, 43} {
			c.sendAt("price", "a", offset)
		}
		c.serve(nil)
	})
	client := dial(t, url, spoke.Config{})
	got := make(chan uint64, 10)
	client.AddEventListener("price", func(e event.Event) { got <- e.Offset })
	for want := uint64(41); want <= 43; want++ {
		if offset := await(t, "an event", got); offset != want {
			t.Errorf("heard %d, want %d", offset, want)
		}
	}
	if stats := client.Stats(); stats.Repeated != 3 || stats.Received != 6 {
		t.Errorf("Stats() has %d received, %d repeated, want 6 and 3", stats.Received, stats.Repeated)
	}
}

func TestResumeSaysWhatIsWrong(t *testing.T) {
	url := scripted(t, func(c *serverConn, _ int) { c.serve(nil) })
	client := subscribed(t, url, spoke.Config{}, "price")
	for name, err := range map[string]error{
		"a bad topic":          client.Resume("price:", at("x7", 1)),
		"no position":          client.Resume("order", event.Position{}),
		"an offset too great":  client.Resume("order", at("x7", 1<<53)),
		"a topic that is held": client.Resume("price", at("x7", 1)),
	} {
		if err == nil {
			t.Errorf("Resume of %s returned nil", name)
		}
	}
	if p, ok := client.Position("price"); ok {
		t.Errorf("Position() = %v of a topic without a stream", p)
	}
}

// TestPositionIsThatOfTheLoop: what waits in its buffer is not behind it.
func TestPositionIsThatOfTheLoop(t *testing.T) {
	url := scripted(t, func(c *serverConn, _ int) {
		c.ackAt(c.next(), map[string]event.AckPosition{"price:a": fresh("x7", 40), "all": fresh("x7", 40)})
		for _, offset := range []uint64{43, 45, 48} {
			c.sendAt("price", "a", offset)
		}
		c.serve(nil)
	})
	client := dial(t, url, spoke.Config{})
	var got []string
	for e, err := range client.Events(t.Context(), "price:a") {
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == 0 {
			flush(t, client)
		}
		p, ok := client.Position("price:a")
		if !ok {
			t.Fatal("the position is not known in the loop")
		}
		if got = append(got, fmt.Sprint(e.Offset, " ", p)); e.Offset == 48 {
			break
		}
	}
	if want := []string{"43 x7:44", "45 x7:47", "48 x7:48"}; !slices.Equal(got, want) {
		t.Errorf("the loop got %q, want %q", got, want)
	}
}

// TestPositionIsAheadOfWhatWasNotHandedOut closes the client in the first of two listeners.
func TestPositionIsAheadOfWhatWasNotHandedOut(t *testing.T) {
	url := scripted(t, func(c *serverConn, _ int) {
		c.ackAt(c.next(), map[string]event.AckPosition{"price": fresh("x7", 40)})
		c.sendAt("price", "a", 41)
		c.sendAt("price", "a", 42)
		c.serve(nil)
	})
	client := dial(t, url, spoke.Config{})
	client.AddEventListener("price", func(e event.Event) {
		if e.Offset == 42 {
			client.Close()
		}
	})
	client.AddEventListener("price", func(e event.Event) {
		if e.Offset == 42 {
			t.Error("a listener was called behind Close")
		}
	})
	<-client.Done()
	if got, ok := client.Position("price"); got != at("x7", 41) || !ok {
		t.Errorf("Position() = %v, %v, want x7:41", got, ok)
	}
}

// TestPositionsOfManyTopicsGoInMessagesThatHubsTake has 1,024 short topics in one message, and long ones in several.
func TestPositionsOfManyTopicsGoInMessagesThatHubsTake(t *testing.T) {
	for name, c := range map[string]struct {
		topics  int
		id      string
		several bool
	}{
		"short topics are resumed in one": {1024, "i", false},
		"long ones in several":            {1024, strings.Repeat("<", 240), true},
	} {
		t.Run(name, func(t *testing.T) {
			heard := make(chan string, 1000)
			url := scripted(t, func(conn *serverConn, number int) {
				for left := c.topics; left > 0; {
					message := conn.next()
					if message == "" {
						return
					}
					positions := map[string]event.AckPosition{}
					for _, topic := range parse(message).Payload.Topics {
						positions[topic] = resumed("x7", 40)
					}
					conn.ackAt(message, positions)
					heard <- message
					left -= len(positions)
				}
				conn.serve(nil)
			})
			client := dial(t, url, spoke.Config{})
			var topics []string
			for i := range c.topics {
				topic := fmt.Sprint("price:", i, c.id)
				if err := client.Resume(topic, at("x7", 30)); err != nil {
					t.Fatal(err)
				}
				topics = append(topics, topic)
			}
			if err := client.Subscribe(t.Context(), topics...); err != nil {
				t.Fatal(err)
			}
			if several := len(heard) > 1; several != c.several {
				t.Errorf("%d messages, want several: %v", len(heard), c.several)
			}
			for len(heard) > 0 {
				if message := <-heard; len(message) > 1<<20 {
					t.Errorf("a message has %d bytes, more than a hub takes", len(message))
				}
			}
		})
	}
}
