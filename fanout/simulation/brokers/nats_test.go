package brokers

import (
	"testing"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/broker/nats"
	"github.com/spokehub/spokehub/internal/engines"
)

// onNATS returns engines of one NATS.
func onNATS(t *testing.T, urls ...string) func(int) broker.Broker {
	return func(int) broker.Broker {
		e, err := nats.New(nats.Config{URLs: urls})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
}

func TestPromise13BooksOverNATS(t *testing.T) {
	for name, c := range map[string]struct {
		fault func(s *engines.NATSServer)
		may   allows
	}{
		"without a fault": {func(*engines.NATSServer) {}, allows{}},
		"killed and started again": {func(s *engines.NATSServer) {
			s.Kill()
			time.Sleep(time.Second)
			s.Restart()
		}, allows{losses: true}},
		"its store is full": {func(s *engines.NATSServer) {
			s.SetLimits(0, 64<<10)
			s.Restart()
			time.Sleep(5 * time.Second)
			s.SetLimits(0, 0)
			s.Restart()
		}, allows{losses: true}},
		"frozen for a moment": {func(s *engines.NATSServer) {
			s.Stop()
			time.Sleep(2 * time.Second)
			s.Continue()
		}, allows{losses: true}},
		"frozen until it is given up": {func(s *engines.NATSServer) {
			s.Stop()
			time.Sleep(15 * time.Second)
			s.Continue()
		}, allows{losses: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := engines.NATS(t, engines.NATSOptions{})
			w := newWorld(t, onNATS(t, s.URL))
			time.Sleep(time.Second)
			c.fault(s)
			time.Sleep(2 * time.Second)
			w.settle()
			w.checkBooks(c.may)
		})
	}
}

func TestPromise13BooksOverANATSClusterThatLosesAServer(t *testing.T) {
	t.Parallel()
	servers := engines.NATSCluster(t, 3, engines.NATSOptions{})
	var urls []string
	for _, s := range servers {
		urls = append(urls, s.URL)
	}
	w := newWorld(t, func(int) broker.Broker {
		e, err := nats.New(nats.Config{URLs: urls, Replicas: 3})
		if err != nil {
			t.Fatal(err)
		}
		return e
	})
	for _, s := range servers {
		time.Sleep(time.Second)
		s.Kill()
		time.Sleep(3 * time.Second)
		s.Restart()
	}
	time.Sleep(2 * time.Second)
	w.settle()
	w.checkBooks(allows{losses: true})
}
