package fanout_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/spokehub/spokehub/fanout"
)

func TestAFloodOfProxyHeadersLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, TrustedProxies: localProxies(), MaxConnectionsPerAddress: 3})
		l := listenTCP(t)
		at := h.serveProxies(l)
		innocent := added(h, "tcp")
		var flooding sync.WaitGroup
		const flood = 200
		for i := range flood {
			c := dial(t, "tcp", at)
			flooding.Go(func() {
				defer c.conn.Close()
				whole := []string{
					"PROXY TCP4 192.0.2.1 10.0.0.1 4711 443\r\n" + handshakeRequest,
					strings.Repeat("PROXY TCP4 192.0.2.1 10.0.0.1 4711 443\r\n", 1000),
					binaryStart + "\x21\x11\xff\xff" + strings.Repeat("x", 1<<16),
					binaryStart + "\x21\x11\x00\x0c\xc0",
					"PROXY UNKNOWN " + strings.Repeat("x", 80),
				}[i%5]
				_, _ = c.conn.Write([]byte(whole))
			})
		}
		for range 50 {
			innocent.sync()
		}
		flooding.Wait()
		until(t, "the flood has come and gone", func() bool {
			st := h.hub.Stats()
			return st.Accepted == 1+flood && st.Connections == 1 && st.Memory.Handshakes == 0
		})
		innocent.sync()
	})
}
