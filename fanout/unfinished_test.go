package fanout_test

import (
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

func TestMessageTimeoutEndsWhatIsUnfinished(t *testing.T) {
	atOnce(t, map[string][]byte{
		"half a header":            clientFrame(fin|opText, "x")[:1],
		"half a payload":           clientFrame(fin|opText, "xxxx")[:8],
		"half a ping":              clientFrame(fin|opPing, "xxxx")[:8],
		"a fragment":               clientFrame(opText, "x"),
		"a fragment with a ping":   append(clientFrame(opText, "x"), clientFrame(fin|opPing, "")...),
		"a message and a fragment": append(clientFrame(fin|opText, "x"), clientFrame(opText, "x")...),
	}, func(t *testing.T, begin []byte) {
		for pings, interval := range map[string]time.Duration{"pings": 200 * time.Millisecond, "rare pings": time.Hour, "no pings": -1} {
			t.Run(pings, func(t *testing.T) {
				eachEngineAtOnce(t, func(t *testing.T, engine fanout.Engine) {
					h := newTestHub(t, fanout.Config{Engine: engine, MessageTimeout: 300 * time.Millisecond, PingInterval: interval, PeerTimeout: 2 * time.Hour})
					c, _ := h.join()
					c.write(begin)
					_, reason := c.closedWith(fanout.CodePolicy)
					retryHint(t, reason)
					expect(t, "cause", receive(t, h.gone, "OnDisconnection").cause.Kind, fanout.CauseViolation)
					expect(t, "counted", h.hub.Stats().MessagesOverdue, 1)
				})
			})
		}
	})
}

func TestMessageTimeoutCountsFromEachMessagesFirstByte(t *testing.T) {
	eachEngineAtOnce(t, func(t *testing.T, engine fanout.Engine) {
		const timeout = 400 * time.Millisecond
		h := newTestHub(t, fanout.Config{Engine: engine, MessageTimeout: timeout, PingInterval: 200 * time.Millisecond})
		heard := h.hear("long")
		c, _ := h.join()
		message := clientFrame(fin|opText, envelope("long", "", "1"))
		c.write(message[:10])
		for began := time.Now(); time.Since(began) < 3*timeout; {
			c.write(message[10:], message[:10])
			receive(t, heard, "a message")
		}
		c.write(message[10:])
		receive(t, heard, "the last message")
		expect(t, "overdue", h.hub.Stats().MessagesOverdue, 0)
	})
}

func TestMessageTimeoutDoesNotCountWhileTheHubDoesNotRead(t *testing.T) {
	eachEngineAtOnce(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, MessageTimeout: time.Second, PingInterval: 200 * time.Millisecond})
		release := make(chan struct{})
		h.listen("block", func(*fanout.Spoke, event.Event) { <-release })
		heard := h.hear("long")
		c, _ := h.join()
		c.text(envelope("block", "", "1"))
		for range 5 {
			c.text(envelope("block", "", string(payloadOf(40<<10))))
		}
		message := clientFrame(fin|opText, envelope("long", "", "1"))
		c.write(message[:10])
		slow, other := h.join()
		slow.write(message[:10])
		expect(t, "the spoke that is overdue", receive(t, h.gone, "the end of one that is read").spoke, other)
		close(release)
		c.write(message[10:])
		receive(t, heard, "the message of one that was not read")
		expect(t, "overdue", h.hub.Stats().MessagesOverdue, 1)
	})
}
