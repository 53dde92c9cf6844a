package nats

import (
	"fmt"
	"testing"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/broker/brokertest"
	"github.com/spokehub/spokehub/internal/engines"
)

func TestEngineKeepsThePromisesOfABroker(t *testing.T) {
	const limit = 2 << 20
	s := engines.NATS(t, engines.NATSOptions{MaxPayload: limit})
	clusters := 0
	engine := func(t *testing.T) broker.Broker {
		t.Helper()
		e, err := New(Config{URLs: []string{s.URL}, Prefix: fmt.Sprintf("cluster-%d", clusters)})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	brokertest.Run(t, brokertest.Config{
		Engines: func(t *testing.T, n int) (list []broker.Broker) {
			t.Helper()
			clusters++
			for range n {
				list = append(list, engine(t))
			}
			return list
		},
		Neighbours: func(t *testing.T) (one, other broker.Broker) {
			t.Helper()
			clusters++
			one = engine(t)
			clusters++
			return one, engine(t)
		},
		Large: limit / 2, TooLong: limit + 1,
	})
}
