package auth

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/spokehub/spokehub/fanout"
)

// benchConfig has a key of each type that the benchmarks sign with.
func benchConfig(b testing.TB) Config {
	return Config{Keys: append(mustParse(b, []byte(secret)), mustParse(b, publicPEM(b, "ed"))...)}
}

// shown is a handshake with a token.
func shown(token string) *fanout.Handshake {
	r := httptest.NewRequest(http.MethodGet, "/ws", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return &fanout.Handshake{Request: r}
}

// BenchmarkOnHandshake is what a client with a token costs beside its handshake.
func BenchmarkOnHandshake(b *testing.B) {
	for _, by := range []struct{ algorithm, key string }{{"HS256", secret}, {"EdDSA", "ed"}} {
		b.Run(by.algorithm, func(b *testing.B) {
			a := start(b, benchConfig(b))
			h := shown(sign(b, by.algorithm, by.key, nil, goodClaims(nil)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := a.OnHandshake(b.Context(), h); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkIdentity is the memory that a spoke's identity keeps, where all have the same rights and where each names its user.
func BenchmarkIdentity(b *testing.B) {
	const spokes = 10000
	for _, named := range []bool{false, true} {
		b.Run(fmt.Sprintf("named=%v", named), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				a := start(b, benchConfig(b))
				tokens := make([]string, spokes)
				for i := range tokens {
					user := fmt.Sprintf("user-%d", i)
					inbox := "inbox:$user"
					if named {
						inbox = "inbox:" + user
					}
					tokens[i] = sign(b, "HS256", secret, nil, goodClaims(map[string]any{"sub": user, "subscribe": []string{"price:*", "order:*", inbox}}))
				}
				kept := make([]fanout.Identity, spokes)
				before := liveBytes()
				b.StartTimer()
				for i, token := range tokens {
					identity, err := a.OnHandshake(b.Context(), shown(token))
					if err != nil {
						b.Fatal(err)
					}
					kept[i] = identity
				}
				b.StopTimer()
				b.ReportMetric(float64(liveBytes()-before)/spokes, "kept-B/spoke")
				runtime.KeepAlive(kept)
				runtime.KeepAlive(tokens)
				b.StartTimer()
			}
		})
	}
}

// liveBytes is how much memory is in use once all garbage is gone.
func liveBytes() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
