package fanout

import (
	"log/slog"
	"sync"
	"time"

	"github.com/spokehub/spokehub/netpoll"
)

// hubLog writes the log lines that any peer can cause, at a limited rate. Any goroutine may use it.
type hubLog struct {
	logger *slog.Logger
	// began is when the hub did; what the limits measure is the time since then, by the monotonic clock.
	began     time.Time
	malformed logLimit
	slow      slowLog
	violated  logLimit
	exhausted logLimit
	hidden    logLimit
	refusals  refusalLog
	undecided logLimit
	identity  logLimit
	streams   logLimit
	broker    brokerLog
}

// slowLog limits the lines about spokes that do not keep up: those that are closed, and those that may be soon.
type slowLog struct{ closed, filling logLimit }

func newHubLog(logger *slog.Logger) hubLog {
	return hubLog{logger: logger, began: time.Now(), malformed: logLimit{perMinute: 60}, slow: slowLog{closed: logLimit{perMinute: 600}, filling: logLimit{perMinute: 60}}, violated: logLimit{perMinute: 600}, exhausted: logLimit{perMinute: 1}, hidden: logLimit{perMinute: 60}, undecided: logLimit{perMinute: 60}, identity: logLimit{perMinute: 60}, streams: logLimit{perMinute: 60}, broker: brokerLog{troubles: logLimit{perMinute: 60}, foreign: logLimit{perMinute: 6}, nodes: logLimit{perMinute: 600}}}
}

func (g *hubLog) malformedMessage(s *Spoke, err error) {
	if g.malformed.allow(time.Since(g.began)) {
		g.logger.Debug("malformed message dropped", "spoke", s.id, "peer", s.RemoteAddr().String(), "error", err)
	}
}

func (g *hubLog) invalidEvent(err error) {
	if g.malformed.allow(time.Since(g.began)) {
		g.logger.Debug("event not dispatched: it is not valid", "error", err)
	}
}

func (g *hubLog) unavailableEvent(err error) {
	if g.streams.allow(time.Since(g.began)) {
		g.logger.Error("event not dispatched: its stream or the broker does not take it", "error", err)
	}
}

func (g *hubLog) unreadStream(typ string, err error) {
	if g.streams.allow(time.Since(g.began)) {
		g.logger.Error("a stream can't be read; spokes that have to catch up wait", "type", typ, "error", err)
	}
}

func (g *hubLog) slowSpoke(s *Spoke, p Backpressure) {
	if g.slow.closed.allow(time.Since(g.began)) {
		message := "spoke can't keep up and is closed with 1013"
		if p.Budget {
			message = "memory budget is exceeded, and a spoke that holds much is closed with 1013"
		}
		g.logger.Info(message, "spoke", s.id, "peer", s.RemoteAddr().String(),
			"queued", p.Queued, "frame", p.Frame, "limit", p.Limit, "held", p.Held, "blocked", p.Blocked, "budget", p.Budget,
			"cause", p.Why.Cause.String(), "why", p.Why)
	}
}

// fillingSpoke logs that a spoke may be closed with 1013 soon.
func (g *hubLog) fillingSpoke(s *Spoke, w *Slowness) {
	if g.slow.filling.allow(time.Since(g.began)) {
		g.logger.Info("spoke does not keep up: its queue is over half of the limit", "spoke", s.id, "peer", s.RemoteAddr().String(),
			"queued", w.Queued, "limit", w.Limit, "blocked", w.Blocked, "cause", w.Cause.String(), "why", w)
	}
}

// tokenRejected logs why a spoke has not got the identity that it asked for.
func (g *hubLog) tokenRejected(s *Spoke, err error) {
	if g.identity.allow(time.Since(g.began)) {
		g.logger.Info("token rejected", "spoke", s.id, "peer", s.RemoteAddr().String(), "error", err)
	}
}

// unidentified logs why a spoke is closed that never had an identity: to its user that looks like a refused handshake.
func (g *hubLog) unidentified(s *Spoke, reason string) {
	if g.identity.allow(time.Since(g.began)) {
		g.logger.Info("spoke without an identity is closed with 4401", "spoke", s.id, "peer", s.RemoteAddr().String(), "reason", reason)
	}
}

// violation logs why a spoke that has broken the protocol or a limit is closed.
func (g *hubLog) violation(s *Spoke, cause Cause) {
	if g.violated.allow(time.Since(g.began)) {
		g.logger.Info("spoke is closed for what it sent", "spoke", s.id, "peer", s.RemoteAddr().String(), "code", cause.Code, "reason", cause.Reason)
	}
}

// notRegistered logs that a reactor could not take a connection.
func (g *hubLog) notRegistered(err error) {
	if g.exhausted.allow(time.Since(g.began)) {
		g.logger.Error("accepted connection could not be registered", "error", err)
	}
}

// acceptPaused logs why accepting pauses, once a minute at most.
func (g *hubLog) acceptPaused(err error, connections int64) {
	if !g.exhausted.allow(time.Since(g.began)) {
		return
	}
	remedy := "see the error"
	if netpoll.IsExhausted(err) {
		remedy = "raise the limit on open files (ulimit -n, LimitNOFILE) or on memory"
	}
	g.logger.Warn("accepting pauses until a connection ends; established spokes are not affected",
		"error", err, "connections", connections, "remedy", remedy)
}

// cannotHijack logs that ServeHTTP got a writer whose connection can't be taken out of net/http.
func (g *hubLog) cannotHijack(writer, path string, err error) {
	if g.hidden.allow(time.Since(g.began)) {
		g.logger.Error("connection can't be hijacked for a WebSocket", "error", err, "path", path, "writer", writer, "remedy", hijackRemedy)
	}
}

// handshakeFailed logs that OnHandshake could not decide over a client.
func (g *hubLog) handshakeFailed(hs *Handshake, status int, err error) {
	if g.undecided.allow(time.Since(g.began)) {
		g.logger.Error("OnHandshake failed; the client is turned away", "status", status, "peer", hs.RemoteAddr.String(), "error", err)
	}
}

// logLimit allows perMinute log lines a minute, all at once or spread. mu guards left and suppressed.
type logLimit struct {
	perMinute int
	mu        sync.Mutex
	left      allowance
	// suppressed is how many it has not allowed.
	suppressed uint64
}

func (l *logLimit) allow(since time.Duration) bool {
	return l.allowWithin(since, time.Minute/time.Duration(l.perMinute), time.Minute)
}

// allowWithin allows a line each pause, and at once as many as burst has pauses.
func (l *logLimit) allowWithin(since, pause, burst time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.left.spend(pause, burst, since) {
		return true
	}
	l.suppressed++
	return false
}
