package fanout_test

import (
	"strings"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

func frames(all ...[]byte) []byte {
	var out []byte
	for _, f := range all {
		out = append(out, f...)
	}
	return out
}

func unmasked(first byte, payload string) []byte {
	return append([]byte{first, byte(len(payload))}, payload...)
}

var violations = map[string]struct {
	sent []byte
	code uint16
}{
	"an unmasked frame":                        {unmasked(fin|opText, "{}"), 1002},
	"RSV1":                                     {clientFrame(fin|0x40|opText, "{}"), 1002},
	"RSV2":                                     {clientFrame(fin|0x20|opText, "{}"), 1002},
	"RSV3":                                     {clientFrame(fin|0x10|opBinary, "{}"), 1002},
	"reserved data opcode 3":                   {clientFrame(fin|3, ""), 1002},
	"reserved data opcode 7":                   {clientFrame(fin|7, ""), 1002},
	"reserved control opcode 11":               {clientFrame(fin|0xB, ""), 1002},
	"reserved control opcode 15":               {clientFrame(fin|0xF, ""), 1002},
	"a fragmented ping":                        {clientFrame(opPing, ""), 1002},
	"a fragmented close":                       {clientFrame(opClose, ""), 1002},
	"a ping of 126 bytes":                      {clientFrame(fin|opPing, strings.Repeat("p", 126)), 1002},
	"a close of 126 bytes":                     {clientFrame(fin|opClose, closePayload(1000, strings.Repeat("r", 124))), 1002},
	"a continuation of nothing":                {clientFrame(fin|opContinuation, "x"), 1002},
	"a continuation after a whole message":     {frames(clientFrame(fin|opText, "{}"), clientFrame(opContinuation, "x")), 1002},
	"a message inside a fragmented one":        {frames(clientFrame(opText, "{"), clientFrame(fin|opText, "}")), 1002},
	"a 16 bit length that needs 7":             {append([]byte{fin | opText, masked | 126, 0, 125}, make([]byte, 129)...), 1002},
	"a 64 bit length that needs 16":            {append([]byte{fin | opText, masked | 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF}, make([]byte, 4)...), 1002},
	"a length of 2^63":                         {append([]byte{fin | opBinary, masked | 127, 0x80, 0, 0, 0, 0, 0, 0, 0}, make([]byte, 4)...), 1002},
	"a close payload of one byte":              {clientFrame(fin|opClose, "x"), 1002},
	"a close code of 0":                        {clientFrame(fin|opClose, closePayload(0, "")), 1002},
	"a close code of 999":                      {clientFrame(fin|opClose, closePayload(999, "")), 1002},
	"a close code of 1004":                     {clientFrame(fin|opClose, closePayload(1004, "")), 1002},
	"a close code of 1005":                     {clientFrame(fin|opClose, closePayload(1005, "")), 1002},
	"a close code of 1006":                     {clientFrame(fin|opClose, closePayload(1006, "")), 1002},
	"a close code of 1015":                     {clientFrame(fin|opClose, closePayload(1015, "")), 1002},
	"a close code of 2999":                     {clientFrame(fin|opClose, closePayload(2999, "")), 1002},
	"a close code of 5000":                     {clientFrame(fin|opClose, closePayload(5000, "")), 1002},
	"a close code of 65535":                    {clientFrame(fin|opClose, closePayload(65535, "")), 1002},
	"a close reason that is not UTF-8":         {clientFrame(fin|opClose, closePayload(1000, "\xff")), 1007},
	"a text that is not UTF-8":                 {clientFrame(fin|opText, "{\"\xc3(\"}"), 1007},
	"a text that ends in mid-character":        {clientFrame(fin|opText, "\xe2\x82"), 1007},
	"bad UTF-8 across fragments, failing fast": {frames(clientFrame(opText, "\xf0\x9f"), clientFrame(opContinuation, "\x28")), 1007},
	"bad UTF-8 in a frame not yet whole":       {clientFrame(fin|opText, "\xff"+strings.Repeat("x", 500))[:20], 1007},
	"a surrogate in UTF-8":                     {clientFrame(fin|opText, "\xed\xa0\x80"), 1007},
	"a message over the limit":                 {clientFrame(fin|opBinary, strings.Repeat("x", 1001)), 1009},
	"a message over the limit by its header":   {clientFrame(fin|opText, strings.Repeat("x", 1001))[:8], 1009},
	"fragments over the limit together":        {frames(clientFrame(opText, strings.Repeat("x", 600)), clientFrame(fin|opContinuation, strings.Repeat("x", 401))[:8]), 1009},
}

func TestPromise7BreachesOfRFC6455EndWithTheRFCsCode(t *testing.T) {
	t.Parallel()
	for name, v := range violations {
		t.Run(name, func(t *testing.T) {
			eachEngineAtOnce(t, func(t *testing.T, engine fanout.Engine) {
				for split, send := range map[string]func(c *client){
					"whole":         func(c *client) { c.write(v.sent) },
					"a byte a time": func(c *client) { drip(c, v.sent) },
					"with more behind": func(c *client) {
						c.write(v.sent)
						_, _ = c.conn.Write(clientFrame(fin|opText, envelope("late", "", "0")))
					},
				} {
					h := newTestHub(t, fanout.Config{Engine: engine, MaxMessage: 1000})
					late := h.hear("late")
					c, _ := h.join()
					send(c)
					c.closedWith(v.code)
					c.conn.Close()
					end := receive(t, h.gone, "OnDisconnection")
					if end.cause.Kind != fanout.CauseViolation || end.cause.Code != v.code {
						t.Errorf("%s: got the cause %v, want a violation with %d", split, end.cause, v.code)
					}
					expect(t, "events of data after close", len(late), 0)
					expect(t, "closes counted", h.hub.Stats().Closes[v.code], 1)
				}
			})
		})
	}
}

// drip writes a byte at a time, as far as the hub reads.
func drip(c *client, view []byte) {
	for i := range view {
		if _, err := c.conn.Write(view[i : i+1]); err != nil {
			return
		}
	}
}

func TestPromise7ViolationsEndTheSameOnEveryEntry(t *testing.T) {
	t.Parallel()
	eachEntry(t, func(fanout.Engine) fanout.Config { return fanout.Config{} }, func(t *testing.T, h *testHub, c *client) {
		go func() { _, _ = c.conn.Write(unmasked(fin|opText, "{}")) }()
		if _, code, _ := c.closing(); code != 1002 {
			t.Errorf("got the close code %d, want 1002", code)
		}
		c.conn.Close()
		expect(t, "cause", receive(t, h.gone, "OnDisconnection").cause.Kind, fanout.CauseViolation)
	})
}

func TestPromise7MalformedMessagesAndBadTopicsNeverEndAConnection(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine})
		heard := h.hear("fine")
		c, _ := h.join()
		const rounds = 100
		for range rounds {
			c.text("", "{", `{"type":1}`, `{"type":"a:b"}`, `[]`, envelope("__subscribe", "", `{"topic":":"}`), envelope("__unsubscribe", "", `0`))
			c.write(clientFrame(fin|opBinary, "\xff\xfe"))
		}
		c.text(envelope("fine", "", "0"))
		receive(t, heard, "an event behind all that")
		st := h.hub.Stats()
		expect(t, "malformed", st.Malformed, 6*rounds)
		expect(t, "bad topics", st.BadTopics, 2*rounds)
		lines := h.log.count("DEBUG", "malformed message dropped")
		if lines == 0 || lines > 120 {
			t.Errorf("got %d log lines about %d malformed messages, want some, but rate limited", lines, st.Malformed)
		}
	})
}

func TestPromise7ABadTopicAsLongAsAMessageMayBeIsRefusedAndNoMore(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		const limit = 4 << 10
		h := newTestHub(t, fanout.Config{Engine: engine, MaxMessage: limit, QueueLimit: limit})
		c, _ := h.join()
		rest := len(envelope("__subscribe", "k", `{"topic":""}`))
		c.text(envelope("__subscribe", "k", `{"topic":"`+strings.Repeat(":", limit-rest)+`"}`))
		c.wants(envelope("__reject", "k", `{"topic":"`+strings.Repeat(":", 513)+`","reason":"invalid_topic"}`))
		c.sync()
	})
}

func TestFramesInAnyShapeMakeTheSameMessages(t *testing.T) {
	whole := envelope("t", "1", `"ünïcödé `+strings.Repeat("x", 200)+`"`)
	for name, sent := range map[string][]byte{
		"one frame":            clientFrame(fin|opText, whole),
		"two fragments":        frames(clientFrame(opText, whole[:40]), clientFrame(fin|opContinuation, whole[40:])),
		"empty fragments":      frames(clientFrame(opText, ""), clientFrame(opContinuation, ""), clientFrame(opContinuation, whole), clientFrame(fin|opContinuation, "")),
		"a ping in between":    frames(clientFrame(opText, whole[:31]), clientFrame(fin|opPing, "p"), clientFrame(fin|opContinuation, whole[31:])),
		"a pong in between":    frames(clientFrame(opText, whole[:31]), clientFrame(fin|opPong, "p"), clientFrame(fin|opContinuation, whole[31:])),
		"binary in fragments":  frames(clientFrame(opBinary, whole[:1]), clientFrame(fin|opContinuation, whole[1:])),
		"a fragment in a rune": frames(clientFrame(opText, whole[:strings.Index(whole, "ü")+1]), clientFrame(fin|opContinuation, whole[strings.Index(whole, "ü")+1:])),
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine fanout.Engine) {
				h := newTestHub(t, fanout.Config{Engine: engine})
				heard := h.hear("t")
				c, _ := h.join()
				c.write(sent)
				drip(c, sent)
				e, err := event.Parse([]byte(whole))
				if err != nil {
					t.Fatal(err)
				}
				for range 2 {
					expect(t, "heard", receive(t, heard, "the message"), textOf(e))
				}
			})
		})
	}
}

func TestPingsAreAnsweredWithTheirPayload(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine})
		c, _ := h.join()
		for _, payload := range []string{"", "x", strings.Repeat("p", 125)} {
			c.write(clientFrame(fin|opPing, payload), clientFrame(fin|opPong, "unasked"))
			expect(t, "answer", c.frame(), frame{op: opPong, fin: true, payload: payload})
		}
	})
}
