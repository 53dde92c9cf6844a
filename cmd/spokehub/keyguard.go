package main

import (
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/spokehub/spokehub/auth"
)

// keyGuard asks for an API key, if there are any. Any goroutine may use it: keys are replaced whole, and seen has the names that
// have been logged.
type keyGuard struct {
	keys    atomic.Pointer[auth.APIKeys]
	logger  *slog.Logger
	refused *rate.Limiter
	seen    sync.Map
}

func newKeyGuard(keys *auth.APIKeys, logger *slog.Logger) *keyGuard {
	g := &keyGuard{logger: logger, refused: rate.NewLimiter(rate.Every(time.Second), 60)}
	g.replace(keys)
	return g
}

// isOn says whether a key is asked for.
func (g *keyGuard) isOn() bool { return g.keys.Load() != nil }

// replace takes other keys. One that asks for a key goes on to ask for one.
func (g *keyGuard) replace(keys *auth.APIKeys) {
	if keys != nil {
		g.keys.Store(keys)
	}
}

// protect lets requests with a key through. Health checks need none, nor does the page of the dashboard, which has nothing of the hub in
// it. A key comes as Authorization: Bearer KEY or, from browsers and go tool pprof, as the password of Basic.
func (g *keyGuard) protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		keys := g.keys.Load()
		if keys == nil || r.URL.Path == "/healthz" || r.URL.Path == "/readyz" || r.URL.Path == "/" && r.Method == http.MethodGet {
			next.ServeHTTP(w, r)
			return
		}
		key, isGiven := apiKeyOf(r)
		name, isKnown := keys.Find(key)
		if !isGiven || !isKnown {
			g.refuse(w, r, isGiven)
			return
		}
		if _, again := g.seen.LoadOrStore(name, true); !again {
			g.logger.Info("API key used for the first time since the start", "key", name, "peer", r.RemoteAddr, "path", r.URL.Path)
		}
		g.logger.Debug("request with an API key", "key", name, "peer", r.RemoteAddr, "method", r.Method, "path", r.URL.Path)
		next.ServeHTTP(w, r)
	})
}

func apiKeyOf(r *http.Request) (string, bool) {
	if values := r.Header.Values("Authorization"); len(values) != 1 {
		return "", len(values) > 1
	}
	if _, password, isBasic := r.BasicAuth(); isBasic {
		return password, true
	}
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(key), strings.EqualFold(scheme, "Bearer")
}

func (g *keyGuard) refuse(w http.ResponseWriter, r *http.Request, isGiven bool) {
	reason, advice := "no API key", "the request has none"
	if isGiven {
		reason, advice = "unknown API key", "does not know that of the request"
	}
	if g.refused.Allow() {
		g.logger.Warn("request to the admin address refused", "reason", reason, "peer", r.RemoteAddr, "method", r.Method, "path", r.URL.Path)
	}
	w.Header().Add("WWW-Authenticate", `Bearer realm="spokehub"`)
	w.Header().Add("WWW-Authenticate", `Basic realm="spokehub", charset="UTF-8"`)
	writeText(w, http.StatusUnauthorized, "this address asks for an API key, and "+advice+" (Authorization: Bearer KEY; spokehub token apikey makes one)")
}
