package fanout_test

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/fanout"
)

func TestPingsOnlyTheLastOfAReadIsAnswered(t *testing.T) {
	for name, c := range map[string]struct {
		behind []byte
		next   byte
	}{
		"ahead of answers to what comes later": {clientFrame(fin|opPing, "last"), opPong},
		"ahead of a close":                     {clientFrame(fin|opClose, closePayload(1000, "")), opClose},
		"ahead of the close of a violation":    {unmasked(fin|opText, "{}"), opClose},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine fanout.Engine) {
				h := newTestHub(t, fanout.Config{Engine: engine})
				peer, _ := h.join()
				var all []byte
				for i := range 100 {
					all = append(all, clientFrame(fin|opPing, strconv.Itoa(i))...)
				}
				if c.next == opClose {
					all = append(all, c.behind...)
				}
				peer.write(all)
				expect(t, "pong", peer.frame(), frame{op: opPong, fin: true, payload: "99"})
				if c.next != opClose {
					peer.write(c.behind)
				}
				expect(t, "opcode of the next frame", peer.frame().op, c.next)
			})
		})
	}
}

// floods are what a peer sends that asks for answers and does not read them; answers says how many it asks for with one.
var floods = map[string]struct {
	message func(i int) []byte
	answers int
	rounds  int
}{
	"subscriptions":   {func(i int) []byte { return controlFrame("__subscribe", i, fmt.Sprintf(`{"topic":"t:%d"}`, i%100)) }, 1, 10000},
	"unsubscriptions": {func(i int) []byte { return controlFrame("__unsubscribe", i, `{"topics":["a","b"]}`) }, 1, 10000},
	"bad topics": {func(i int) []byte {
		return controlFrame("__subscribe", i, `{"topics":[`+strings.Repeat(`"",`, 99)+`"t"]}`)
	}, 100, 1000},
	"too many topics": {func(i int) []byte {
		return controlFrame("__subscribe", i, `{"topics":[`+strings.Repeat(`"",`, 1024)+`""]}`)
	}, 1, 1500},
	"churn of one topic": {func(i int) []byte {
		return frames(controlFrame("__subscribe", i, `{"topic":"c"}`), controlFrame("__unsubscribe", i, `{"topic":"c"}`))
	}, 2, 4000},
	"pings": {func(i int) []byte { return clientFrame(fin|opPing, strconv.Itoa(i)) }, 0, 4000},
}

func controlFrame(kind string, id int, payload string) []byte {
	return clientFrame(fin|opText, envelope(kind, strconv.Itoa(id), payload))
}

func TestAnswersThatThePeerDoesNotReadStopItsReadingAndEndNothing(t *testing.T) {
	t.Parallel()
	for name, flood := range floods {
		t.Run(name, func(t *testing.T) {
			eachEngineAtOnce(t, func(t *testing.T, engine fanout.Engine) {
				for _, onSubscribe := range []func(*fanout.Spoke, string) error{nil, func(*fanout.Spoke, string) error { return nil }} {
					h := newTestHub(t, fanout.Config{Engine: engine, OnSubscribe: onSubscribe, QueueLimit: 64 << 10, SendBuffer: 4 << 10})
					peer, spoke := h.join()
					last := h.hear("last")
					fillWithin(t, 64<<10, peer, spoke, 1)
					early := h.hub.Stats().BytesIn
					rounds := flood.rounds
					written := make(chan error, 1)
					go func() {
						var err error
						for i := 0; i < rounds && err == nil; i++ {
							_, err = peer.conn.Write(flood.message(i))
						}
						if err == nil {
							_, err = peer.conn.Write(clientFrame(fin|opText, envelope("last", "", "0")))
						}
						written <- err
					}()
					until(t, "the hub stops reading", func() bool {
						before := h.hub.Stats().BytesIn
						for range 20 {
							spoke.BufferedAmount()
						}
						return before > early && h.hub.Stats().BytesIn == before
					})
					st := h.hub.Stats()
					expect(t, "closed", st.Backpressure, 0)
					if most := uint64(rounds*len(flood.message(0))) * 9 / 10; rounds >= 4000 && flood.answers > 0 && st.BytesIn > most {
						t.Errorf("got %d bytes read, want %d at most", st.BytesIn, most)
					}
					if queued := spoke.BufferedAmount(); queued > 64<<10 {
						t.Errorf("got %d bytes queued, want the limit at most", queued)
					}
					if st.QueuedBytes > 1<<20 {
						t.Errorf("got %d bytes held, want 1 MiB at most", st.QueuedBytes)
					}
					readAnswers(t, peer, flood.answers*rounds, strconv.Itoa(rounds-1))
					if err := receive(t, written, "the end of the flood"); err != nil {
						t.Errorf("write: %v", err)
					}
					receive(t, last, "what was sent last")
					expect(t, "closed", h.hub.Stats().Backpressure, 0)
				}
			})
		})
	}
}

// readAnswers reads fillers and so many answers, in the order of their ids, or up to a pong if there are to be none. The peer has its time
// for each few of them, not for all.
func readAnswers(t *testing.T, peer *client, answers int, lastPong string) {
	t.Helper()
	for seen, lastID := 0, 0; answers == 0 || seen < answers; {
		if seen%100 == 0 {
			_ = peer.conn.SetDeadline(time.Now().Add(patience))
		}
		f := peer.frame()
		if f.op == opPong && f.payload == lastPong {
			return
		}
		if f.op != opText || strings.Contains(f.payload, `"filler"`) {
			continue
		}
		var id int
		if _, err := fmt.Sscanf(f.payload[strings.Index(f.payload, `"id":`):], `"id":"%d"`, &id); err != nil || id < lastID {
			t.Fatalf("got %.200q behind the answer to %d", f.payload, lastID)
		}
		lastID = id
		seen++
	}
}

// TestPongsThatThePeerDoesNotReadStopItsReading has each ping come in a read of its own.
func TestPongsThatThePeerDoesNotReadStopItsReading(t *testing.T) {
	const pings = 200
	h := newTestHub(t, fanout.Config{QueueLimit: 64 << 10, SendBuffer: 4 << 10})
	peer, spoke := h.join()
	fill(t, peer, spoke, 32<<10)
	isRead := func() bool {
		before := h.hub.Stats().BytesIn
		peer.write(clientFrame(fin|opPing, ""))
		for range 100 {
			if h.hub.Stats().BytesIn > before {
				return true
			}
		}
		return false
	}
	for range pings {
		if !isRead() {
			return
		}
	}
	t.Errorf("got all of %d pings read, want the hub to stop", pings)
}

func TestAnswersLongerThanTheQueueAreSplit(t *testing.T) {
	for name, c := range map[string]struct {
		cfg    fanout.Config
		topics int
		length int
	}{
		"many long topics": {fanout.Config{QueueLimit: 256 << 10, MaxMessage: 1 << 20}, 1024, 256},
		"the least queue":  {fanout.Config{QueueLimit: 1 << 10}, 20, 256},
		"in one piece":     {fanout.Config{QueueLimit: 1 << 20, MaxMessage: 1 << 20}, 1024, 100},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine fanout.Engine) {
				cfg := c.cfg
				cfg.Engine = engine
				h := newTestHub(t, cfg)
				peer, spoke := h.join()
				var topics []string
				for i := range c.topics {
					topics = append(topics, fmt.Sprintf("%0*d", c.length, i))
				}
				for _, kind := range []string{"__subscribe", "__unsubscribe"} {
					peer.text(envelope(kind, "1", jsonOf(map[string]any{"topics": topics})))
					var acked []string
					pieces := 0
					for ; len(acked) < len(topics); pieces++ {
						message := peer.message()
						if len(message) > cfg.QueueLimit {
							t.Errorf("got an ack of %d bytes, want no more than %d", len(message), cfg.QueueLimit)
						}
						rest, ok := strings.CutPrefix(message, `{"type":"__ack","id":"1","payload":{"topics":[`)
						rest, end := strings.CutSuffix(rest, `]}}`)
						if !ok || !end {
							t.Fatalf("got %.200q, want an ack", message)
						}
						for _, topic := range strings.Split(rest, ",") {
							acked = append(acked, strings.Trim(topic, `"`))
						}
					}
					expectAll(t, "acked", acked, topics)
					if name == "in one piece" && pieces != 1 {
						t.Errorf("got %d pieces, want 1", pieces)
					}
					held := 0
					if kind == "__subscribe" {
						held = c.topics
					}
					expect(t, "topics held", len(spoke.Subscriptions()), held)
				}
				peer.sync()
				expect(t, "closed", h.hub.Stats().Backpressure, 0)
			})
		})
	}
}

func TestRejectsLongerThanTheQueueAreSent(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, QueueLimit: 1 << 10})
		peer, _ := h.join()
		bad := strings.Repeat(`\u0007`, 513)
		topics := `{"topics":["` + bad + `","` + bad + `","good"]}`
		peer.text(envelope("__subscribe", "1", topics))
		want := envelope("__reject", "1", `{"topic":"`+bad+`","reason":"invalid_topic"}`)
		peer.wants(want, want, ack("1", "good"))
		peer.sync()
	})
}

func TestAnswersOwedGoAheadOfTheEnd(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, h *testHub, spoke *fanout.Spoke) (closes bool){
		"Close": func(t *testing.T, h *testHub, spoke *fanout.Spoke) bool { spoke.Close(1000, ""); return true },
		"RemoveConnection": func(t *testing.T, h *testHub, spoke *fanout.Spoke) bool {
			live, err := h.hub.RemoveConnection(spoke.Conn())
			if err != nil {
				t.Fatalf("remove: %v", err)
			}
			go func() {
				_, _ = live.Write([]byte{fin | opClose, 0})
				_ = live.Close()
			}()
			return false
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine fanout.Engine) {
				h := newTestHub(t, fanout.Config{Engine: engine, QueueLimit: 64 << 10, SendBuffer: 4 << 10})
				peer, spoke := h.join()
				stall(t, spoke)
				go func() {
					for i := 0; ; i++ {
						if _, err := peer.conn.Write(controlFrame("__subscribe", i, fmt.Sprintf(`{"topic":"t%d"}`, i))); err != nil {
							return
						}
					}
				}()
				until(t, "an answer is owed", func() bool {
					before := len(spoke.Subscriptions())
					for range 20 {
						spoke.BufferedAmount()
					}
					return before > 50 && len(spoke.Subscriptions()) == before
				})
				held := len(spoke.Subscriptions())
				end(t, h, spoke)
				acks := 0
				for {
					f, err := peer.next()
					if err != nil || f.op == opClose {
						break
					}
					if strings.Contains(f.payload, "__ack") {
						expect(t, "ack", f.payload, ack(strconv.Itoa(acks), fmt.Sprintf("t%d", acks)))
						acks++
					}
				}
				if acks < held {
					t.Errorf("got %d acks, want the %d of topics in force", acks, held)
				}
				peer.conn.Close()
				receive(t, h.gone, "OnDisconnection")
			})
		})
	}
}

func TestControlEventsOfTooManyTopicsAreRefusedWhole(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		for _, onSubscribe := range []func(*fanout.Spoke, string) error{nil, func(*fanout.Spoke, string) error { return nil }} {
			h := newTestHub(t, fanout.Config{Engine: engine, MaxTopics: 3, OnSubscribe: onSubscribe})
			peer, spoke := h.join()
			peer.subscribe("a", "b", "a")
			for i, kind := range []string{"__subscribe", "__unsubscribe"} {
				peer.text(envelope(kind, "1", `{"topics":["a","b","c","d"]}`), envelope(kind, "", `{"topics":["a","b","c","d"]}`))
				peer.wants(reject("1", "", "limit"))
				peer.sync()
				until(t, "both are counted", func() bool { return h.hub.Stats().TopicsOverLimit == uint64(2*i+2) })
				expect(t, "topics held", len(spoke.Subscriptions()), 2)
				expect(t, "topics", h.hub.Stats().Topics, 2)
			}
			peer.subscribe("c")
		}
	})
}

func TestControlEventsOfManyTopicsLetOthersHaveTheirTurns(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		const many = 100000
		h := newTestHub(t, fanout.Config{Engine: engine, Reactors: 1, MaxTopics: many, MaxMessage: 1 << 20, QueueLimit: 16 << 20})
		heard := h.hear("behind")
		peer, spoke := h.join()
		innocent, _ := h.join()
		go func() { _, _ = io.Copy(io.Discard, peer.conn) }()
		var topics []string
		for i := range many {
			topics = append(topics, "t"+strconv.Itoa(i))
		}
		all := jsonOf(map[string]any{"topics": topics})
		go peer.conn.Write(frames(
			clientFrame(fin|opText, envelope("__subscribe", "1", all)),
			clientFrame(fin|opText, envelope("behind", "", "1")),
			clientFrame(fin|opText, envelope("__unsubscribe", "2", all)),
			clientFrame(fin|opText, envelope("__subscribe", "3", `{"topic":"final"}`)),
			clientFrame(fin|opText, envelope("behind", "", "2"))))
		until(t, "the first slice", func() bool { return h.hub.Stats().Subscriptions > 0 })
		before := h.hub.Stats()
		innocent.sync()
		if after := h.hub.Stats(); after.Subscriptions-before.Subscriptions > many/2 {
			t.Errorf("got %d topics subscribed before a ping was answered, want a few slices", after.Subscriptions-before.Subscriptions)
		}
		expect(t, "heard", receive(t, heard, "the event behind the subscription"), "behind  1")
		expect(t, "heard", receive(t, heard, "the event behind all"), "behind  2")
		expectAll(t, "topics held", spoke.Subscriptions(), []string{"final"})
	})
}

func TestControlEventsUnknownAreCounted(t *testing.T) {
	h := newTestHub(t, fanout.Config{})
	peer, _ := h.join()
	peer.text(envelope("__nonsense", "1", "0"), envelope("__gap", "1", "0"))
	peer.sync()
	st := h.hub.Stats()
	expect(t, "unknown", st.ControlsUnknown, 2)
	expect(t, "known", st.ControlsIn, 0)
}
