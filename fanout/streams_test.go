package fanout_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/stream"
)

// keeping is a configuration with history of the type price.
func keeping(engine fanout.Engine, history stream.History, behind stream.Behind) fanout.Config {
	return fanout.Config{Engine: engine, Policies: []stream.Policy{{Match: "price", History: history, Behind: behind}}}
}

// since is a control event that subscribes to topics, each with a position or an empty one for none.
func since(id string, topics []string, positions map[string]event.Position) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"type":"__subscribe","id":%q,"payload":{"topics":["%s"],"since":{`, id, strings.Join(topics, `","`))
	comma := ""
	for topic, p := range positions {
		fmt.Fprintf(&b, `%s%q:{"epoch":%q,"offset":%d}`, comma, topic, p.Epoch, p.Offset)
		comma = ","
	}
	b.WriteString("}}}")
	return b.String()
}

// resume subscribes to a topic and returns what the ack says of it.
func (c *client) resume(topic string, p event.Position) event.AckPosition {
	c.t.Helper()
	c.text(since("r", []string{topic}, map[string]event.Position{topic: p}))
	return c.ack().Positions[topic]
}

// follow subscribes to a topic without a position.
func (c *client) follow(topic string) event.AckPosition {
	c.t.Helper()
	c.text(`{"type":"__subscribe","id":"f","payload":{"topics":["` + topic + `"]}}`)
	return c.ack().Positions[topic]
}

func (c *client) ack() event.Ack {
	c.t.Helper()
	message := c.message()
	ack, err := event.ParseAck([]byte(message))
	if err != nil {
		c.t.Fatalf("got %s, want an ack: %v", message, err)
	}
	return ack
}

func price(i int) event.Event {
	return event.Event{Type: "price", ID: strconv.Itoa(i % 3), Payload: []byte(strconv.Itoa(i))}
}

// kept is the envelope of price(i) at an offset.
func kept(i, offset int) string {
	return fmt.Sprintf(`{"type":"price","id":"%d","payload":%d,"offset":%d}`, i%3, i, offset)
}

func (h *testHub) publishPrices(from, to int) {
	for i := from; i <= to; i++ {
		h.hub.DispatchEvent(price(i))
	}
}

func TestStreamsEventsCarryTheirOffsets(t *testing.T) {
	t.Parallel()
	eachEntry(t, func(e fanout.Engine) fanout.Config { return keeping(e, stream.History{Events: 10}, stream.Close) }, func(t *testing.T, h *testHub, c *client) {
		at := c.follow("price")
		expect(t, "result", at.Result, event.Fresh)
		expect(t, "offset", at.Position.Offset, 0)
		h.publishPrices(1, 3)
		c.wants(kept(1, 1), kept(2, 2), kept(3, 3))
		h.hub.DispatchEvent(event.Event{Type: "other"})
	})
}

func TestStreamsASpokeThatComesBackGetsWhatItMissed(t *testing.T) {
	t.Parallel()
	eachEntry(t, func(e fanout.Engine) fanout.Config { return keeping(e, stream.History{Events: 100}, stream.Close) }, func(t *testing.T, h *testHub, c *client) {
		at := c.follow("price")
		h.publishPrices(1, 5)
		c.wants(kept(1, 1), kept(2, 2), kept(3, 3), kept(4, 4), kept(5, 5))
		back, _ := h.join()
		got := back.resume("price", event.Position{Epoch: at.Position.Epoch, Offset: 2})
		expect(t, "result", got.Result, event.Resumed)
		expect(t, "missed", got.Missed, 0)
		expect(t, "offset", got.Position.Offset, 5)
		h.publishPrices(6, 6)
		back.wants(kept(3, 3), kept(4, 4), kept(5, 5), kept(6, 6))
		one, _ := h.join()
		got = one.resume("price:0", event.Position{Epoch: at.Position.Epoch, Offset: 2})
		expect(t, "result", got.Result, event.Resumed)
		h.publishPrices(7, 9)
		one.wants(kept(3, 3), kept(6, 6), kept(9, 9))
	})
}

func TestStreamsWhatIsGoneIsTold(t *testing.T) {
	t.Parallel()
	eachEntry(t, func(e fanout.Engine) fanout.Config { return keeping(e, stream.History{Events: 3}, stream.Close) }, func(t *testing.T, h *testHub, c *client) {
		at := c.follow("price")
		h.publishPrices(1, 10)
		back, _ := h.join()
		got := back.resume("price", event.Position{Epoch: at.Position.Epoch, Offset: 2})
		expect(t, "result", got.Result, event.Gapped)
		expect(t, "missed", got.Missed, 5)
		back.wants(kept(8, 8), kept(9, 9), kept(10, 10))
		back.sync()
	})
}

func TestStreamsAPositionThatIsNoneOrAheadOrOfAnotherEpochIsFresh(t *testing.T) {
	t.Parallel()
	eachEntry(t, func(e fanout.Engine) fanout.Config { return keeping(e, stream.History{Events: 10}, stream.Close) }, func(t *testing.T, h *testHub, c *client) {
		epoch := c.follow("price").Position.Epoch
		h.publishPrices(1, 3)
		for _, p := range []string{
			`{"epoch":"other","offset":1}`, `{"epoch":"` + epoch + `","offset":4}`, `{"epoch":"` + epoch + `","offset":-1}`, `{"offset":1}`,
			`{"epoch":"","offset":1}`, `1`, `null`, `"x"`, `{"epoch":"` + epoch + `","offset":1.5}`, `{"epoch":"` + epoch + `","offset":99999999999999999999}`,
		} {
			back, _ := h.join()
			back.text(`{"type":"__subscribe","id":"1","payload":{"topic":"price","since":{"price":` + p + `}}}`)
			got := back.ack().Positions["price"]
			expect(t, p+": result", got.Result, event.Fresh)
			expect(t, p+": offset", got.Position.Offset, 3)
			back.sync()
		}
	})
}

func TestStreamsATopicWithoutAStreamHasAPlainAck(t *testing.T) {
	t.Parallel()
	eachEntry(t, func(e fanout.Engine) fanout.Config { return keeping(e, stream.History{Events: 10}, stream.Close) }, func(t *testing.T, h *testHub, c *client) {
		c.text(since("1", []string{"plain"}, map[string]event.Position{"plain": {Epoch: "x", Offset: 1}}))
		c.wants(`{"type":"__ack","id":"1","payload":{"topics":["plain"]}}`)
	})
}

func TestStreamsTheSenderGetsItsEventInItsPlace(t *testing.T) {
	eachEntry(t, func(e fanout.Engine) fanout.Config {
		cfg := keeping(e, stream.History{Events: 10}, stream.Close)
		cfg.Relay = true
		return cfg
	}, func(t *testing.T, h *testHub, c *client) {
		c.follow("price")
		other, _ := h.join()
		other.follow("price")
		c.text(envelope("price", "1", "1"), envelope("plain", "", "1"))
		other.wants(`{"type":"price","id":"1","payload":1,"offset":1}`)
		c.wants(`{"type":"price","id":"1","payload":1,"offset":1}`)
	})
}
