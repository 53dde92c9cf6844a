package fanout_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/spokehub/spokehub/fanout"
)

func TestAFloodOfProxyHeadersLeavesNothingBehind(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, TrustedProxies: localProxies(), MaxConnectionsPerAddress: 3})
		l := listenTCP(t)
		at := h.serveProxies(l)
		innocent := added(h, "tcp")
		var flooding sync.WaitGroup
		for i := range 200 {
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
		until(t, "the flood is over", func() bool { return h.hub.Stats().Connections == 1 })
		innocent.sync()
		expect(t, "memory of handshakes", h.hub.Stats().Memory.Handshakes, 0)
	})
}
