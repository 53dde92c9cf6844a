package spoke_test

import (
	"testing"

	"github.com/spokehub/spokehub/event/targettest"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/spoke"
)

func TestClientToClientKeepsThePromisesOfATarget(t *testing.T) {
	targettest.Run(t, func(t *testing.T) targettest.Pair {
		_, url := startHub(t, fanout.Config{Relay: true})
		a, b := dial(t, url, spoke.Config{}), dial(t, url, spoke.Config{})
		return targettest.Pair{Dispatch: a, Listen: b, Settle: func() { flush(t, b) }, Close: func() { b.Close() }}
	})
}

func TestHubToClientKeepsThePromisesOfATarget(t *testing.T) {
	targettest.Run(t, func(t *testing.T) targettest.Pair {
		hub, url := startHub(t, fanout.Config{Relay: true})
		b := dial(t, url, spoke.Config{})
		return targettest.Pair{Dispatch: hub.Target(), Listen: b, Settle: func() { flush(t, b) }, Close: func() { b.Close() }}
	})
}

func TestClientToHubKeepsThePromisesOfATarget(t *testing.T) {
	targettest.Run(t, func(t *testing.T) targettest.Pair {
		hub, url := startHub(t, fanout.Config{})
		return targettest.Pair{Dispatch: dial(t, url, spoke.Config{}), Listen: hub.Target()}
	})
}
