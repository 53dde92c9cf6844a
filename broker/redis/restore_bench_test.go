package redis

import (
	"fmt"
	"testing"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/internal/engines"
)

// askAtOnce is how many keys a hub asks for with one call.
const askAtOnce = 4096

func BenchmarkReconnectWithManyKeys(b *testing.B) {
	for name, server := range map[string]func(b *testing.B) string{
		"alone":   func(b *testing.B) string { return engines.Redis(b, engines.RedisOptions{}).URL },
		"cluster": func(b *testing.B) string { return engines.StartRedisCluster(b, engines.RedisOptions{}).URL },
	} {
		for _, keys := range []int{10_000, 100_000} {
			b.Run(fmt.Sprintf("redis=%s/keys=%d", name, keys), func(b *testing.B) {
				e, err := New(Config{URL: server(b)})
				told := newRecorder()
				if err == nil {
					err = e.Start(told)
				}
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { _ = e.Close() })
				told.awaitNotes(b, 0, "up")
				longest := time.Duration(0)
				for from := 0; from < keys; from += askAtOnce {
					var some []broker.Key
					for i := from; i < min(from+askAtOnce, keys); i++ {
						some = append(some, broker.Key{Type: "user", ID: fmt.Sprint(i)})
					}
					began := time.Now()
					if err := e.Subscribe(b.Context(), some...); err != nil {
						b.Fatal(err)
					}
					longest = max(longest, time.Since(began))
				}
				b.ResetTimer()
				for range b.N {
					told.mu.Lock()
					skip := len(told.notes)
					told.mu.Unlock()
					e.Reconnect("a benchmark wants it")
					told.awaitNotes(b, skip, "down ", "up", "lost ")
				}
				b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/reconnect")
				b.ReportMetric(longest.Seconds(), "s/longest-subscribe")
			})
		}
	}
}
