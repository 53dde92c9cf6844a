package engines

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

// RedisCluster is a cluster of three primaries and three replicas.
type RedisCluster struct {
	// Nodes are the servers: first the three that begin as primaries, with 0..5461, 5462..10922 and the other slots, then the replica of each.
	Nodes []*RedisServer
	// URL is what broker/redis takes.
	URL string
}

// redisClusterTimeout is how long a node is silent until the others replace it, in milliseconds.
const redisClusterTimeout = 1500

// StartRedisCluster starts six servers and makes a cluster of them. They end with the test, which is skipped where there is no redis-server.
func StartRedisCluster(t testing.TB, o RedisOptions) *RedisCluster {
	t.Helper()
	c := &RedisCluster{}
	var addresses []string
	for range 6 {
		s := newRedisServer(t, o, clusterPort(t), false)
		s.configure("cluster-enabled yes", "cluster-config-file nodes.conf", "cluster-node-timeout "+strconv.Itoa(redisClusterTimeout), "cluster-replica-validity-factor 0")
		s.Restart()
		c.Nodes = append(c.Nodes, s)
		addresses = append(addresses, s.Address)
	}
	password := ""
	if o.Password != "" {
		password = ":" + o.Password + "@"
	}
	c.URL = "redis-cluster://" + password + strings.Join(addresses, ",")
	ranges := [][2]string{{"0", "5461"}, {"5462", "10922"}, {"10923", "16383"}}
	for i, s := range c.Nodes {
		s.Do("cluster", "set-config-epoch", strconv.Itoa(i+1))
		if i < len(ranges) {
			s.Do("cluster", "addslotsrange", ranges[i][0], ranges[i][1])
		}
		if i > 0 {
			s.Do("cluster", "meet", "127.0.0.1", strconv.Itoa(c.Nodes[0].program.port))
		}
	}
	for _, s := range c.Nodes {
		s.Eventually("cluster_known_nodes:6", "cluster", "info")
	}
	for i, s := range c.Nodes[3:] {
		id := c.Nodes[i].Do("cluster", "myid")
		s.Eventually(id, "cluster", "nodes")
		s.Eventually("OK", "cluster", "replicate", id)
	}
	c.AwaitHealthy()
	return c
}

// AwaitHealthy waits until all nodes that run see the cluster cover all slots, and the replicas are connected.
func (c *RedisCluster) AwaitHealthy() {
	for _, s := range c.Nodes {
		if s.process != nil {
			s.t.Helper()
			s.Eventually("cluster_state:ok", "cluster", "info")
			if strings.Contains(s.Do("info", "replication"), "role:slave") {
				s.Eventually("master_link_status:up", "info", "replication")
			}
		}
	}
}

// MoveSlot moves a slot with its keys from one primary to another.
func (c *RedisCluster) MoveSlot(slot int, from, to *RedisServer) {
	from.t.Helper()
	number := strconv.Itoa(slot)
	source, target := from.Do("cluster", "myid"), to.Do("cluster", "myid")
	to.Eventually("OK", "cluster", "setslot", number, "importing", source)
	from.Eventually("OK", "cluster", "setslot", number, "migrating", target)
	for {
		keys := strings.Fields(from.Do("cluster", "getkeysinslot", number, "100"))
		if len(keys) == 0 {
			break
		}
		from.Do(append([]string{"migrate", "127.0.0.1", strconv.Itoa(to.program.port), "", "0", "5000", "keys"}, keys...)...)
	}
	to.Eventually("OK", "cluster", "setslot", number, "node", target)
	from.Eventually("OK", "cluster", "setslot", number, "node", target)
	for _, s := range c.Nodes {
		s.Do("cluster", "setslot", number, "node", target)
	}
}

// clusterPort is a free port whose number plus 10,000, which nodes talk to one another on, is free and a port too.
func clusterPort(t testing.TB) int {
	t.Helper()
	for deadline := time.Now().Add(redisPatience); ; {
		if port := freePort(t); portIsFree(port + 10000) {
			return port
		}
		if time.Now().After(deadline) {
			t.Fatal("found no free port whose number plus 10,000 is free, too")
		}
	}
}
