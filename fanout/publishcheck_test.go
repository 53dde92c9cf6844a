package fanout_test

import (
	"errors"
	"net"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

func TestOnPublishRefusesByErrorPanicAndGoexit(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, Relay: true, OnPublish: func(s *fanout.Spoke, e event.Event) error {
			switch e.ID {
			case "error":
				return errors.New("no")
			case "panic":
				panic("no")
			case "goexit":
				runtime.Goexit()
			}
			return nil
		}})
		heard := h.hear("t")
		other, _ := h.join()
		other.subscribe("t")
		c, _ := h.join()
		for i, how := range []string{"error", "panic", "goexit"} {
			c.text(envelope("t", "", strconv.Itoa(i)), envelope("t", how, "0"), envelope("t", "fine", strconv.Itoa(i)), envelope("__subscribe", "1", `{"topic":"x"}`))
			c.wants(forbidden("t:"+how), ack("1", "x"))
			other.wants(envelope("t", "", strconv.Itoa(i)), envelope("t", "fine", strconv.Itoa(i)))
			expect(t, "heard", receive(t, heard, "the event"), "t  "+strconv.Itoa(i))
			expect(t, "heard", receive(t, heard, "the event"), "t fine "+strconv.Itoa(i))
		}
		other.sync()
		st := h.hub.Stats()
		expect(t, "forbidden", st.EventsForbidden, 3)
		expect(t, "panics", st.Panics, 1)
		expect(t, "relayed", st.EventsRelayed, 6)
		expect(t, "heard more", len(heard), 0)
	})
}

func TestPromise6AllowedAndForbiddenEventsKeepTheirOrder(t *testing.T) {
	t.Parallel()
	onPublish := func(_ *fanout.Spoke, e event.Event) error {
		if e.Type == "asked" && len(e.Payload)%2 == 0 {
			return errors.New("even")
		}
		return nil
	}
	for name, hook := range map[string]func(*fanout.Spoke, event.Event) error{"with OnPublish": onPublish, "with patterns alone": nil} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine fanout.Engine) {
				h := newTestHub(t, fanout.Config{Engine: engine, Relay: true, OnPublish: hook})
				heard := h.hear("t")
				var readers []*client
				for range 3 {
					c, _ := h.join()
					readers = append(readers, c.subscribe("t", "forbidden", "asked"))
				}
				sender, spoke := h.join()
				fanout.Become(spoke, may(t, "ada", "mine", "t asked"))
				const events = 10_000
				go func() {
					for i := range events {
						at := strconv.Itoa(i)
						wire := clientFrame(fin|opText, envelope("t", "", at))
						if i%3 == 0 {
							wire = append(wire, clientFrame(fin|opText, envelope("forbidden", "", at))...)
						}
						if i%4 == 0 && hook != nil {
							wire = append(wire, clientFrame(fin|opBinary, envelope("asked", "", `"xx"`))...)
						}
						if i%1000 == 0 {
							wire = append(wire, clientFrame(fin|opText, envelope("__subscribe", at, `{"topic":"mine"}`))...)
						}
						_, _ = sender.conn.Write(wire)
					}
				}()
				for i := range events {
					at := strconv.Itoa(i)
					for _, c := range readers {
						c.wants(envelope("t", "", at))
					}
					expect(t, "heard", receive(t, heard, "the event"), "t  "+at)
				}
				for acks := 0; acks < events/1000; {
					if strings.HasPrefix(sender.message(), `{"type":"__ack"`) {
						acks++
					}
				}
			})
		})
	}
}

func TestPromise6ControlEventsTakeEffectBehindTheEventsThatOnPublishIsAskedAbout(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		goOn := make(chan struct{})
		h := newTestHub(t, fanout.Config{Engine: engine, Relay: true, OnPublish: func(*fanout.Spoke, event.Event) error {
			<-goOn
			return nil
		}})
		held := make(chan int, 10)
		h.listen("t", func(s *fanout.Spoke, _ event.Event) { held <- len(s.Subscriptions()) })
		other, _ := h.join()
		other.subscribe("t")
		c, _ := h.join()
		c.text(envelope("t", "", "1"), envelope("__subscribe", "1", `{"topic":"a"}`), envelope("t", "", "2"), envelope("__subscribe", "2", `{"topic":"b"}`))
		until(t, "all is read", func() bool { return h.hub.Stats().ControlsIn == 3 })
		c.sync()
		close(goOn)
		c.wants(ack("1", "a"), ack("2", "b"))
		other.wants(envelope("t", "", "1"), envelope("t", "", "2"))
		expect(t, "held at the first", receive(t, held, "the first"), 0)
		expect(t, "held at the second", receive(t, held, "the second"), 1)
	})
}

func TestEventsThatOnPublishIsAskedAboutArePublishedAlsoIfTheSpokeEnds(t *testing.T) {
	for name, end := range map[string]func(*testHub, *client, *fanout.Spoke){
		"by its own close": func(_ *testHub, c *client, _ *fanout.Spoke) { c.write(clientFrame(fin|opClose, "\x03\xe8")) },
		"by its removal": func(h *testHub, _ *client, s *fanout.Spoke) {
			removed, _ := h.hub.RemoveConnection(s.Conn())
			removed.Close()
		},
		"by the end of TCP": func(_ *testHub, c *client, _ *fanout.Spoke) { c.conn.Close() },
		"by the server":     func(_ *testHub, _ *client, s *fanout.Spoke) { s.Close(4000, "enough") },
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine fanout.Engine) {
				goOn := make(chan struct{})
				h := newTestHub(t, fanout.Config{Engine: engine, Relay: true, OnPublish: func(*fanout.Spoke, event.Event) error {
					<-goOn
					return nil
				}})
				heard := h.hear("t")
				other, _ := h.join()
				other.subscribe("t")
				c, spoke := h.join()
				c.subscribe("what comes behind OnConnection")
				const events = 50
				for i := range events {
					c.text(envelope("t", "", strconv.Itoa(i)))
				}
				until(t, "all is read", func() bool { return h.hub.Stats().EventsIn == events })
				end(h, c, spoke)
				close(goOn)
				for i := range events {
					other.wants(envelope("t", "", strconv.Itoa(i)))
					expect(t, "heard", receive(t, heard, "the event"), "t  "+strconv.Itoa(i))
				}
				receive(t, h.gone, "OnDisconnection")
			})
		})
	}
}

func TestAnEventTooLongThatOnPublishLetsPassEndsItsSenderAndDropsWhatIsBehindIt(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, Relay: true, MaxEvent: 1000, OnPublish: func(*fanout.Spoke, event.Event) error { return nil }})
		other, _ := h.join()
		other.subscribe("t")
		c, _ := h.join()
		c.text(envelope("t", "", "1"), envelope("t", "", jsonOf(strings.Repeat("x", 1000))), envelope("t", "", "2"))
		if _, reason := c.closedWith(1009); reason == "" {
			t.Errorf("got no reason with 1009, want one")
		}
		receive(t, h.gone, "OnDisconnection")
		other.wants(envelope("t", "", "1"))
		other.sync()
		expect(t, "deliveries", h.hub.Stats().Deliveries, 1)
	})
}

func TestOnPublishSeesEventsOfAnIdentityThatCameMeanwhile(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		narrow := may(t, "ada", "", "open")
		h := newTestHub(t, fanout.Config{Engine: engine, Relay: true, OnPublish: func(s *fanout.Spoke, e event.Event) error {
			if e.ID == "last" {
				fanout.Become(s, narrow)
			}
			return nil
		}})
		heard := h.hear("t")
		other, _ := h.join()
		other.subscribe("t", "open")
		c, _ := h.join()
		_, _ = c.conn.Write(frames(clientFrame(fin|opText, envelope("t", "last", "1")), clientFrame(fin|opText, envelope("open", "", "1"))))
		other.wants(envelope("open", "", "1"))
		c.wants(forbidden("t:last"))
		expect(t, "heard", len(heard), 0)
	})
}

func TestForbiddenEventsCostTheirSenderItsRates(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		for name, cfg := range map[string]fanout.Config{
			"frames": {MaxEventsPerSecond: 10},
			"bytes":  {MaxBytesPerSecond: 256 << 10, MaxMessage: 128 << 10},
		} {
			t.Run(name, func(t *testing.T) {
				cfg.Engine, cfg.Relay = engine, true
				h := newTestHub(t, cfg)
				c, spoke := h.join()
				fanout.Become(spoke, may(t, "ada", "", ""))
				go func() {
					wire := clientFrame(fin|opText, envelope("t", "", jsonOf(strings.Repeat("x", 64<<10))))
					for range 100 {
						if _, err := c.conn.Write(wire); err != nil {
							return
						}
					}
				}()
				gone := receive(t, h.gone, "OnDisconnection")
				expect(t, "cause", gone.cause.Kind, fanout.CauseViolation)
				expect(t, "over the rate", h.hub.Stats().OverRate, 1)
			})
		}
	})
}

func TestASenderThatOnPublishIsAskedAboutWaitsForSlowReceivers(t *testing.T) {
	t.Parallel()
	eachEngineAtOnce(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, Relay: true, QueueLimit: 64 << 10, MaxEvent: 8 << 10, SendBuffer: 8 << 10,
			OnPublish: func(*fanout.Spoke, event.Event) error { return nil }})
		heard := h.hear("t")
		reader, _ := h.join()
		reader.subscribe("t")
		c, _ := h.join()
		const events = 3000
		pad := strings.Repeat("x", 2000)
		go func() {
			for i := range events {
				_, _ = c.conn.Write(clientFrame(fin|opText, envelope("t", strconv.Itoa(i), jsonOf(pad))))
			}
		}()
		for i := range events {
			reader.wants(envelope("t", strconv.Itoa(i), jsonOf(pad)))
			receive(t, heard, "the event")
		}
		expect(t, "slow", h.hub.Stats().Backpressure, 0)
	})
}

func TestOnPublishIsCalledForOneConnectionLikeOtherCallbacks(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		var h *testHub
		asked := make(chan string, 10)
		h = newTestHub(t, fanout.Config{Engine: engine, OnConnection: func(*fanout.Spoke, net.Conn) {},
			OnPublish: func(s *fanout.Spoke, e event.Event) error {
				defer h.startCallback(s, "OnPublish", nil)()
				asked <- textOf(e)
				return nil
			}})
		h.listen("t", func(s *fanout.Spoke, e event.Event) {})
		c, _ := h.join()
		for i := range 5 {
			c.text(envelope("t", "", strconv.Itoa(i)))
		}
		for i := range 5 {
			expect(t, "asked", receive(t, asked, "OnPublish"), "t  "+strconv.Itoa(i))
		}
	})
}
