package nats

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
	for _, keys := range []int{10_000, 100_000} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			s := engines.NATS(b, engines.NATSOptions{})
			e, told := connect(b, s)
			longest := time.Duration(0)
			for from := 0; from < keys; from += askAtOnce {
				var some []broker.Key
				for i := from; i < min(from+askAtOnce, keys); i++ {
					some = append(some, plain("user", fmt.Sprint(i)))
				}
				began := time.Now()
				subscribe(b, e, some...)
				longest = max(longest, time.Since(began))
			}
			b.ResetTimer()
			for range b.N {
				skip := told.noted()
				e.Reconnect("a benchmark wants it")
				told.awaitNotes(b, skip, "down ", "up", "lost ")
			}
			b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/reconnect")
			b.ReportMetric(longest.Seconds(), "s/longest-subscribe")
		})
	}
}
