package fanout_test

import (
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

func TestMessageTimeoutEndsWhatIsUnfinished(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
	eachEngineAtOnce(t, func(t *testing.T, engine fanout.Engine) {
		const timeout = 2 * time.Second
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
	t.Parallel()
	eachEngineAtOnce(t, func(t *testing.T, engine fanout.Engine) {
		const events = 3
		h := newTestHub(t, fanout.Config{Engine: engine, MessageTimeout: time.Second, PingInterval: 200 * time.Millisecond})
		release, began, heard := make(chan struct{}), make(chan struct{}, 1000), make(chan struct{}, 1000)
		h.listen("block", func(*fanout.Spoke, event.Event) {
			began <- struct{}{}
			<-release
			heard <- struct{}{}
		})
		var paused *client
		clients := 0
		for ; paused == nil && clients < 50; clients++ {
			c, _ := h.join()
			c.text(envelope("block", "", "1"))
			receive(t, began, "the listener's beginning")
			long := clientFrame(fin|opText, envelope("block", "", string(payloadOf(40<<10))))
			c.write(long)
			until(t, "two have come", func() bool { return h.hub.Stats().EventsIn == uint64(events*clients+2) })
			c.write(append(long, clientFrame(opText, "unfinished")...))
			until(t, "three have come", func() bool { return h.hub.Stats().EventsIn == uint64(events*clients+events) })
			if memoryOf(h, "messages") > 0 {
				paused = c
			}
		}
		other, spoke := h.join()
		other.write(clientFrame(opText, "unfinished"))
		expect(t, "the spoke that is overdue", receive(t, h.gone, "the end of one that is read").spoke, spoke)
		close(release)
		for range events * clients {
			receive(t, heard, "an event that waited")
		}
		if f := paused.frame(); f.op != opPing {
			t.Errorf("got %+v behind the pause, want a ping", f)
		}
		expect(t, "overdue", h.hub.Stats().MessagesOverdue, 1)
	})
}
