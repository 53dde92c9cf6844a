package brokertest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/spokehub/spokehub/broker"
)

// lines are deliveries as tests compare them.
func lines(list []broker.Delivery) []string {
	var lines []string
	for _, d := range list {
		lines = append(lines, fmt.Sprintf("%d %t %s %q", d.Kind, d.ByID, d.Name, text(d.Data)))
	}
	return lines
}

// expect waits for deliveries and the text "end", which comes last, and compares all, in any order, with what is wanted.
func (s *sink) expect(t *testing.T, want ...broker.Delivery) {
	t.Helper()
	s.awaitText(t, "end")
	s.deliveries(t, len(want)+1)
	s.mu.Lock()
	got := lines(slices.DeleteFunc(slices.Clone(s.known.deliveries), func(d broker.Delivery) bool { return text(d.Data) == "end" }))
	s.mu.Unlock()
	wanted := lines(want)
	slices.Sort(got)
	slices.Sort(wanted)
	if !slices.Equal(got, wanted) {
		t.Errorf("got the deliveries (kind, by id, name, text)\n%q, want\n%q", got, wanted)
	}
}

// end has each hub be told the text "end", behind all that was published to it by any of them.
func end(t *testing.T, hubs ...*hub) {
	t.Helper()
	for i, h := range hubs {
		h.subscribe(t, control(fmt.Sprint("end-", i)))
	}
	for i := range hubs {
		for j, from := range hubs {
			from.publish(t, control(fmt.Sprint("end-", i)), fmt.Sprint("before the end ", j))
		}
		for j := range hubs {
			hubs[i].awaitText(t, fmt.Sprint("before the end ", j))
		}
		hubs[i].mu.Lock()
		hubs[i].known.deliveries = slices.DeleteFunc(hubs[i].known.deliveries, func(d broker.Delivery) bool { return d.Name == fmt.Sprint("end-", i) })
		hubs[i].mu.Unlock()
		hubs[i].publish(t, control(fmt.Sprint("end-", i)), "end")
	}
}

func aSubscriptionIsInForceOnReturn(t *testing.T, c Config) {
	hubs := open(t, c, 3)
	for i := range 50 {
		for kind, key := range []broker.Key{plain("price", fmt.Sprint(i)), plain(fmt.Sprint("t", i), ""), control(fmt.Sprint("c", i)), ofStream(fmt.Sprint("s", i))} {
			from, to := hubs[i%3], hubs[(i+1+kind%2)%3]
			to.subscribe(t, key)
			want := fmt.Sprintf("message %d of %d", i, kind)
			if key.Kind == broker.Stream {
				from.append(t, appends(keepAll(), key.Type, want)...)
			} else {
				from.publish(t, key, want)
			}
			to.awaitText(t, want)
		}
	}
}

func messagesOfAKeyKeepTheirOrder(t *testing.T, c Config) {
	const each = 2000
	hubs := open(t, c, 3)
	for _, h := range hubs {
		h.subscribe(t, plain("price", ""), control("hubs"))
	}
	for i := range each / 10 {
		for _, from := range hubs[:2] {
			var batch []broker.Message
			for j := range 10 {
				number := fmt.Sprintf("%d", i*10+j)
				batch = append(batch, broker.Message{Key: plain("price", ""), Data: message(number)}, broker.Message{Key: control("hubs"), Data: message(number)})
			}
			for j := range batch {
				batch[j].Data[11] = byte(slices.Index(hubs, from))
			}
			if err := from.Publish(bounded(t), batch); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i, h := range hubs {
		next := map[string]int{}
		for _, d := range h.deliveries(t, 4*each) {
			lane := fmt.Sprintf("origin %d, kind %d", d.Data[11], d.Kind)
			if got, want := text(d.Data), fmt.Sprint(next[lane]); got != want {
				t.Fatalf("hub %d, %s: got message %s, want %s", i, lane, got, want)
			}
			next[lane]++
		}
	}
}

func aPublisherHearsItself(t *testing.T, c Config) {
	h := open(t, c, 1)[0]
	h.subscribe(t, plain("price", ""), control("hubs"))
	h.publish(t, plain("price", ""), "a plain one")
	h.publish(t, control("hubs"), "a control one")
	h.awaitText(t, "a plain one")
	h.awaitText(t, "a control one")
}

func typesAndIDsGetWhatTheyAskFor(t *testing.T, c Config) {
	hubs := open(t, c, 4)
	hubs[0].subscribe(t, plain("price", ""))
	hubs[1].subscribe(t, plain("price", "EURUSD"))
	hubs[2].subscribe(t, plain("price", "GBPUSD"), plain("order", ""))
	from := hubs[3]
	from.publish(t, plain("price", "EURUSD"), "eur")
	from.publish(t, plain("price", "GBPUSD"), "gbp")
	from.publish(t, plain("price", ""), "none")
	from.publish(t, plain("prices", ""), "other type")
	from.publish(t, plain("EURUSD", ""), "id as a type")
	end(t, hubs...)
	hubs[0].expect(t, broker.Delivery{Data: message("eur")}, broker.Delivery{Data: message("gbp")}, broker.Delivery{Data: message("none")})
	hubs[1].expect(t, broker.Delivery{ByID: true, Data: message("eur")})
	hubs[2].expect(t, broker.Delivery{ByID: true, Data: message("gbp")})
	hubs[3].expect(t)
}

func controlMessagesSayTheirName(t *testing.T, c Config) {
	hubs := open(t, c, 2)
	hubs[0].subscribe(t, control("hubs"), control("node-0123456789abcdef"), control("With_Case"))
	hubs[1].publish(t, control("hubs"), "1")
	hubs[1].publish(t, control("node-0123456789abcdef"), "2")
	hubs[1].publish(t, control("With_Case"), "3")
	hubs[1].publish(t, control("with_case"), "4")
	end(t, hubs...)
	hubs[0].expect(t, broker.Delivery{Kind: broker.Control, Name: "hubs", Data: message("1")},
		broker.Delivery{Kind: broker.Control, Name: "node-0123456789abcdef", Data: message("2")}, broker.Delivery{Kind: broker.Control, Name: "With_Case", Data: message("3")})
}

func kindsAreKeptApart(t *testing.T, c Config) {
	hubs := open(t, c, 4)
	hubs[0].subscribe(t, plain("same", ""))
	hubs[1].subscribe(t, ofStream("same"))
	hubs[2].subscribe(t, control("same"))
	hubs[3].publish(t, plain("same", ""), "plain")
	hubs[3].append(t, appends(keepAll(), "same", "stream")...)
	hubs[3].publish(t, control("same"), "control")
	hubs[1].awaitText(t, "stream")
	end(t, hubs...)
	hubs[0].expect(t, broker.Delivery{Data: message("plain")})
	hubs[1].expect(t, broker.Delivery{Kind: broker.Stream, Data: message("stream")})
	hubs[2].expect(t, broker.Delivery{Kind: broker.Control, Name: "same", Data: message("control")})
}

func emptyBatchesDoNothing(t *testing.T, c Config) {
	hubs := open(t, c, 2)
	h := hubs[0]
	h.subscribe(t)
	h.subscribe(t, plain("price", ""))
	if err := h.Unsubscribe(bounded(t)); err != nil {
		t.Errorf("Unsubscribe without keys: got %v, want nil", err)
	}
	if err := h.Publish(bounded(t), nil); err != nil {
		t.Errorf("Publish without messages: got %v, want nil", err)
	}
	h.Append(bounded(t), nil)
	if tops, err := h.Tops(bounded(t), nil); err != nil || len(tops) != 0 {
		t.Errorf("Tops without types: got %v, %v, want none", tops, err)
	}
	hubs[1].publish(t, plain("price", ""), "still there")
	h.awaitText(t, "still there")
}
