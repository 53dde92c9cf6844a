package fanout

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/spokehub/spokehub/wsframe"
)

const (
	// refusalPause is how often a refused handshake is logged where many come, refusalBurst how many at once.
	refusalPause = time.Second
	refusalBurst = 10
	// maxLogged is how much of what a client sent a line repeats.
	maxLogged = 128
)

// refusalLog limits the lines about refused handshakes, which any stranger can cause. Any goroutine may use it.
type refusalLog struct {
	limit logLimit
	// suppressed is how many have got no line since the last one.
	suppressed atomic.Uint64
}

// asked is what a refused client has asked for, as far as that is known: neither query nor any other field, which may hold secrets.
type asked struct {
	origin, host, path string
}

// refused logs a refused handshake of a request that may not be complete.
func (g *hubLog) refused(peer peerAddress, request *wsframe.Request, refusal *wsframe.Refusal) {
	if !g.mayLogRefusal() {
		return
	}
	var a asked
	if request != nil {
		a = asked{string(request.Origin), string(request.Host), string(request.Path)}
	}
	g.writeRefusal(peer.String(), a, refusal.Status, refusal.Reason)
}

// otherPath logs that a handshake is for a path that is not the hub's, so that Config.Fallback answers it.
func (g *hubLog) otherPath(peer peerAddress, request *wsframe.Request) {
	if g.logger.Enabled(context.Background(), slog.LevelDebug) && g.malformed.allow(time.Since(g.began)) {
		g.logger.Debug("handshake is for another path and left to Config.Fallback", "address", peer.String(),
			"host", printable(string(request.Host)), "path", printable(string(request.Path)))
	}
}

// refusedHTTP logs a refused handshake of a request that net/http has got.
func (g *hubLog) refusedHTTP(r *http.Request, refusal *wsframe.Refusal) {
	if g.mayLogRefusal() {
		a := asked{origin: r.Header.Get("Origin"), host: r.Host}
		if r.URL != nil {
			a.path = r.URL.EscapedPath()
		}
		g.writeRefusal(r.RemoteAddr, a, refusal.Status, refusal.Reason)
	}
}

// mayLogRefusal says whether the next refusal has its line, and counts it if it hasn't.
func (g *hubLog) mayLogRefusal() bool {
	if !g.logger.Enabled(context.Background(), slog.LevelInfo) {
		return false
	}
	if g.refusals.limit.allowWithin(time.Since(g.began), refusalPause, refusalBurst*refusalPause) {
		return true
	}
	g.refusals.suppressed.Add(1)
	return false
}

func (g *hubLog) writeRefusal(address string, a asked, status int, reason string) {
	attributes := append(make([]any, 0, 14), "address", printable(address), "origin", printable(a.origin), "host", printable(a.host),
		"path", printable(a.path), "status", status, "reason", reason)
	if n := g.refusals.suppressed.Swap(0); n > 0 {
		attributes = append(attributes, "suppressed", n)
	}
	g.logger.Info("handshake refused", attributes...)
}

// printable is what of a stranger's text a log line repeats: not too much, and nothing that moves a cursor.
func printable(text string) string {
	cut := strings.Map(func(c rune) rune {
		if c == unicode.ReplacementChar || !unicode.IsPrint(c) {
			return '?'
		}
		return c
	}, text[:min(len(text), maxLogged)])
	if len(text) > maxLogged {
		cut += "..."
	}
	return cut
}
