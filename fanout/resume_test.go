package fanout_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/stream"
)

func TestPromise13AResumeLongerThanTheQueueIsSentAsTheSocketDrains(t *testing.T) {
	t.Parallel()
	eachEntry(t, func(e fanout.Engine) fanout.Config {
		return slowConfig(e, stream.History{Events: 1 << 16, Bytes: 1 << 30}, stream.Close)
	}, func(t *testing.T, h *testHub, c *client) {
		epoch := c.follow("price").Position.Epoch
		c.unsubscribe("price")
		const events = 4 * smallQueue / 1000
		for i := range events {
			h.hub.DispatchEvent(wide(i))
		}
		back, _ := h.join()
		back.resume("price", event.Position{Epoch: epoch, Offset: 3})
		until(t, "the replay has begun", func() bool { return h.hub.Stats().Delivered > 0 })
		reader := sequenceReader{client: back, next: 4}
		reader.readTo(events)
		expect(t, "gaps", len(reader.gaps), 0)
		expect(t, "closed", h.hub.Stats().Backpressure, 0)
	})
}

func TestPromise12ASecondTopicOfAStreamWithAnOlderPositionDoesNotRepeatTheFirst(t *testing.T) {
	t.Parallel()
	eachEntry(t, func(e fanout.Engine) fanout.Config { return keeping(e, stream.History{Events: 100}, stream.Close) }, func(t *testing.T, h *testHub, c *client) {
		epoch := c.follow("price").Position.Epoch
		h.publishPrices(1, 9)
		back, _ := h.join()
		back.text(
			since("1", []string{"price:0"}, map[string]event.Position{"price:0": {Epoch: epoch, Offset: 5}})+"",
			since("2", []string{"price:1"}, map[string]event.Position{"price:1": {Epoch: epoch, Offset: 0}}),
		)
		got := map[string]int{}
		for range 2 + 2 + 3 {
			got[back.message()]++
		}
		for _, i := range []int{6, 9, 1, 4, 7} {
			expect(t, kept(i, i), got[kept(i, i)], 1)
		}
		back.sync()
		h.publishPrices(10, 12)
		back.wants(kept(10, 10), kept(12, 12))
	})
}

func TestStreamsToSubscribeAgainHasNoEffect(t *testing.T) {
	t.Parallel()
	eachEntry(t, func(e fanout.Engine) fanout.Config { return keeping(e, stream.History{Events: 100}, stream.Close) }, func(t *testing.T, h *testHub, c *client) {
		epoch := c.follow("price").Position.Epoch
		h.publishPrices(1, 2)
		c.wants(kept(1, 1), kept(2, 2))
		c.text(since("2", []string{"price"}, map[string]event.Position{"price": {Epoch: epoch, Offset: 0}}))
		c.wants(`{"type":"__ack","id":"2","payload":{"topics":["price"]}}`)
		h.publishPrices(3, 3)
		c.wants(kept(3, 3))
	})
}

func TestStreamsATopicLeftAndTakenAgainResumes(t *testing.T) {
	eachEntry(t, func(e fanout.Engine) fanout.Config { return keeping(e, stream.History{Events: 100}, stream.Close) }, func(t *testing.T, h *testHub, c *client) {
		epoch := c.follow("price").Position.Epoch
		h.publishPrices(1, 2)
		c.wants(kept(1, 1), kept(2, 2))
		c.unsubscribe("price")
		h.publishPrices(3, 4)
		expect(t, "result", c.resume("price", event.Position{Epoch: epoch, Offset: 2}).Result, event.Resumed)
		c.wants(kept(3, 3), kept(4, 4))
	})
}

func TestStreamsAThousandTopicsResumeInOneMessage(t *testing.T) {
	t.Parallel()
	eachEntry(t, func(e fanout.Engine) fanout.Config {
		return fanout.Config{Engine: e, Policies: []stream.Policy{{Match: "t*", History: stream.History{Events: 10}}}}
	}, func(t *testing.T, h *testHub, c *client) {
		const topics = 1000
		names, positions := make([]string, topics), map[string]event.Position{}
		epoch := c.follow("t").Position.Epoch
		for i := range topics {
			names[i] = fmt.Sprintf("t%d", i)
			positions[names[i]] = event.Position{Epoch: epoch, Offset: 1}
			for n := range 3 {
				h.hub.DispatchEvent(event.Event{Type: names[i], Payload: []byte{byte('0' + n)}})
			}
		}
		back, _ := h.join()
		back.text(since("r", names, positions))
		got := map[string][]string{}
		acked := 0
		for range topics * 2 {
			message := back.message()
			for strings.Contains(message, `"__ack"`) {
				ack, err := event.ParseAck([]byte(message))
				if err != nil {
					t.Fatal(err)
				}
				acked += len(ack.Positions)
				for name := range ack.Positions {
					got[name] = []string{"ack"}
				}
				message = back.message()
			}
			e, err := event.Parse([]byte(message))
			if err != nil {
				t.Fatal(err)
			}
			got[e.Type] = append(got[e.Type], fmt.Sprint(e.Offset))
		}
		expect(t, "positions in acks", acked, topics)
		for _, name := range names {
			expect(t, name, strings.Join(got[name], " "), "ack 2 3")
		}
		until(t, "no spoke lags", func() bool { return h.hub.Stats().Lagging == 0 })
	})
}

func TestStreamsWhoResumesAgainAndAgainPaysForWhatThereIsToSend(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		cfg := keeping(engine, stream.History{Events: 4096}, stream.Close)
		cfg.MaxControlsPerSecond, cfg.MaxTopics = 1000, 8
		h := newTestHub(t, cfg)
		c, _ := h.join()
		epoch := c.follow("price").Position.Epoch
		c.unsubscribe("price")
		h.publishPrices(1, 4096)
		const times = 100
		var messages []string
		for range times {
			messages = append(messages, since("r", []string{"price"}, map[string]event.Position{"price": {Epoch: epoch}}), `{"type":"__unsubscribe","id":"","payload":{"topic":"price"}}`)
		}
		c.text(messages...)
		got, code, _ := c.closing()
		expect(t, "code", code, 1008)
		acked := 0
		for _, message := range got {
			if strings.Contains(message, `"__ack"`) {
				acked++
			}
		}
		if acked < cfg.MaxTopics || acked > times/2 {
			t.Errorf("got %d of %d resumes acknowledged, want those of %d topics and few more", acked, times, cfg.MaxTopics)
		}
		expect(t, "closed for their rate", h.hub.Stats().OverRate, 1)
	})
}

func TestStreamsWhoIsNewMissesNothingAheadOfItsPosition(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, keeping(engine, stream.History{Events: 1}, stream.CatchUp))
		stopped := make(chan struct{})
		var publishing sync.WaitGroup
		for range 2 {
			publishing.Go(func() {
				for i := 1; ; i++ {
					select {
					case <-stopped:
						return
					default:
						h.hub.DispatchEvent(price(i))
					}
				}
			})
		}
		defer publishing.Wait()
		defer close(stopped)
		for range 200 {
			c, _ := h.join()
			at := c.follow("price")
			for range 3 {
				message := c.message()
				if g, err := event.ParseGap([]byte(message)); err == nil && g.From <= at.Position.Offset {
					t.Fatalf("got the gap %+v, want none ahead of %v, where the spoke begins", g, at.Position)
				}
			}
			c.conn.Close()
		}
	})
}
