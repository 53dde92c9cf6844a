package redis

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/broker/brokertest"
	"github.com/spokehub/spokehub/internal/engines"
)

func TestConformanceOnOneServer(t *testing.T) {
	conform(t, engines.Redis(t, engines.RedisOptions{}).URL)
}

func TestConformanceOnACluster(t *testing.T) {
	conform(t, engines.StartRedisCluster(t, engines.RedisOptions{}).URL)
}

// conform gives each cluster of hubs a prefix of its own.
func conform(t *testing.T, url string) {
	var prefixes atomic.Int64
	cluster := func(t *testing.T, n int) []broker.Broker {
		t.Helper()
		prefix := fmt.Sprint("hubs-", prefixes.Add(1))
		found := make([]broker.Broker, n)
		for i := range found {
			e, err := New(Config{URL: url, Prefix: prefix})
			if err != nil {
				t.Fatal(err)
			}
			found[i] = e
		}
		return found
	}
	brokertest.Run(t, brokertest.Config{
		Engines:    cluster,
		Neighbours: func(t *testing.T) (one, other broker.Broker) { return cluster(t, 1)[0], cluster(t, 1)[0] },
		Large:      1 << 20,
		TooLong:    9 << 20,
	})
}
