package fanout_test

import (
	"strings"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

func TestWhoHasShownNoTokenSendsNoLongMessages(t *testing.T) {
	const longest = 4 << 10
	long := envelope("t", "", `"`+strings.Repeat("x", longest)+`"`)
	short := envelope("t", "", `"`+strings.Repeat("x", longest/2)+`"`)
	early := rejected("", "t", event.Unauthenticated)
	for name, test := range map[string]struct {
		sent string
		want []string
		code uint16
	}{
		"a long one is too big":             {string(clientFrame(fin|opText, long)), nil, 1009},
		"by its header alone":               {string(clientFrame(fin|opText, long)[:8]), nil, 1009},
		"fragments are, together":           {string(frames(clientFrame(opText, long[:3000]), clientFrame(fin|opContinuation, long[3000:]))), nil, 1009},
		"a short one is too early":          {string(clientFrame(fin|opText, short)), []string{early}, 0},
		"a long one behind a token is fine": {string(frames(clientFrame(fin|opText, authOf("1", "alice")), clientFrame(fin|opText, long))), []string{authAck("1", "alice")}, 0},
		"a long one behind a bad token is too early": {string(frames(clientFrame(fin|opText, authOf("1", "alice bad")), clientFrame(fin|opText, long),
			clientFrame(fin|opText, authOf("", "alice bad")))), []string{rejected("1", "", event.Unauthenticated), early}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine fanout.Engine) {
				h := authHub(t, fanout.Config{Engine: engine, MaxHandshake: longest / 4, MaxMessage: 1 << 20})
				c, _ := h.joinUnidentified()
				go func() { _, _ = c.conn.Write([]byte(test.sent)) }()
				if test.code != 0 {
					if _, code, _ := c.closing(); code != test.code {
						t.Errorf("got the close code %d, want %d", code, test.code)
					}
					return
				}
				c.wants(test.want...)
				c.sync()
			})
		})
	}
}
