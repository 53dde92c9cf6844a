package brokers

import (
	"testing"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/broker/redis"
	"github.com/spokehub/spokehub/internal/engines"
)

// onRedis returns engines of one Redis.
func onRedis(t *testing.T, url string) func(int) broker.Broker {
	return func(int) broker.Broker {
		e, err := redis.New(redis.Config{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
}

func TestPromise13BooksOverRedis(t *testing.T) {
	for name, c := range map[string]struct {
		settings []string
		fault    func(s *engines.RedisServer)
		may      allows
	}{
		"without a fault": {nil, func(*engines.RedisServer) {}, allows{}},
		"killed, and back with all that it had": {[]string{"appendonly yes", "appendfsync always"}, func(s *engines.RedisServer) {
			s.Kill()
			time.Sleep(time.Second)
			s.Restart()
		}, allows{losses: true, epochs: true}},
		"killed, and back empty": {nil, func(s *engines.RedisServer) {
			s.Kill()
			s.Empty()
			s.Restart()
		}, allows{losses: true, epochs: true}},
		"full": {nil, func(s *engines.RedisServer) {
			s.Do("config", "set", "maxmemory", "1")
			time.Sleep(3 * time.Second)
			s.Do("config", "set", "maxmemory", "0")
		}, allows{losses: true}},
		"frozen for a moment": {nil, func(s *engines.RedisServer) {
			s.Stop()
			time.Sleep(2 * time.Second)
			s.Continue()
		}, allows{losses: true}},
		"frozen until it is given up": {nil, func(s *engines.RedisServer) {
			s.Stop()
			time.Sleep(15 * time.Second)
			s.Continue()
		}, allows{losses: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := engines.Redis(t, engines.RedisOptions{Settings: c.settings})
			w := newWorld(t, onRedis(t, s.URL))
			time.Sleep(time.Second)
			c.fault(s)
			time.Sleep(2 * time.Second)
			w.settle()
			w.checkBooks(c.may)
		})
	}
}

func TestPromise13BooksOverRedisWhoseSentinelsChooseAnotherPrimary(t *testing.T) {
	t.Parallel()
	r := engines.StartRedisSentinels(t, engines.RedisOptions{})
	w := newWorld(t, onRedis(t, r.URL))
	time.Sleep(time.Second)
	r.Primary.Kill()
	time.Sleep(8 * time.Second)
	r.Primary.Restart()
	w.settle()
	w.checkBooks(allows{losses: true, epochs: true})
}

func TestPromise13BooksOverARedisClusterThatLosesAPrimary(t *testing.T) {
	t.Parallel()
	r := engines.StartRedisCluster(t, engines.RedisOptions{})
	w := newWorld(t, onRedis(t, r.URL))
	time.Sleep(time.Second)
	r.Nodes[0].Kill()
	time.Sleep(8 * time.Second)
	r.Nodes[0].Restart()
	w.settle()
	w.checkBooks(allows{losses: true, epochs: true})
}
