package inproc

import (
	"testing"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/broker/brokertest"
)

func TestInprocConforms(t *testing.T) {
	brokertest.Run(t, brokertest.Config{
		Engines: func(_ *testing.T, n int) []broker.Broker {
			network := New()
			engines := make([]broker.Broker, n)
			for i := range engines {
				engines[i] = network.Engine()
			}
			return engines
		},
		Neighbours: func(*testing.T) (one, other broker.Broker) { return New().Engine(), New().Engine() },
		Large:      maxMessage,
		TooLong:    maxMessage + 1,
	})
}
