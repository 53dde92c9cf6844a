package engines

import (
	"net"
	"strconv"
	"strings"
	"testing"
)

// RedisSentinels are a primary, a replica, and three sentinels that watch them.
type RedisSentinels struct {
	// Primary and Replica are the servers as they begin; a failover swaps what they are.
	Primary, Replica *RedisServer
	// Sentinels are the sentinels.
	Sentinels []*RedisServer
	// URL is what broker/redis takes.
	URL string
}

// StartRedisSentinels starts the servers and waits until the sentinels know all of them. They end with the test, which is skipped where there
// is no redis-server.
func StartRedisSentinels(t testing.TB, o RedisOptions) *RedisSentinels {
	t.Helper()
	r := &RedisSentinels{Primary: Redis(t, o)}
	r.Replica = newRedisServer(t, o, freePort(t), false)
	r.Replica.configure("replicaof 127.0.0.1 " + strconv.Itoa(r.Primary.program.port))
	r.Replica.Restart()
	r.Replica.Eventually("master_link_status:up", "info", "replication")
	var addresses []string
	for range 3 {
		s := newRedisServer(t, RedisOptions{}, freePort(t), true)
		watch := []string{
			"sentinel monitor mymaster 127.0.0.1 " + strconv.Itoa(r.Primary.program.port) + " 2",
			"sentinel down-after-milliseconds mymaster 1000", "sentinel failover-timeout mymaster 5000",
		}
		if o.Password != "" {
			watch = append(watch, "sentinel auth-pass mymaster "+o.Password)
		}
		s.configure(watch...)
		s.Restart()
		r.Sentinels = append(r.Sentinels, s)
		addresses = append(addresses, s.Address)
	}
	for _, s := range r.Sentinels {
		s.Eventually("slaves=1,sentinels=3", "info", "sentinel")
	}
	password := ""
	if o.Password != "" {
		password = ":" + o.Password + "@"
	}
	r.URL = "redis-sentinel://" + password + strings.Join(addresses, ",") + "/mymaster"
	return r
}

func portIsFree(port int) bool {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	_ = listener.Close()
	return true
}
