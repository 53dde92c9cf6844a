package engines

import (
	"strings"
	"testing"
	"time"
)

func TestRedisServerKeepsItsAddressAndWhatItSaved(t *testing.T) {
	s := Redis(t, RedisOptions{Password: "secret", Settings: []string{"appendonly no"}})
	s.Do("set", "key", "saved")
	s.Do("save")
	s.Do("set", "key", "not saved")
	s.Kill()
	if answer, err := s.try("ping"); err == nil {
		t.Fatalf("got %q of a server that was killed, want an error", answer)
	}
	s.Restart()
	if got := s.Do("get", "key"); got != "saved" {
		t.Errorf("got %q after a restart, want what was saved", got)
	}
	s.Kill()
	s.Empty()
	s.Restart()
	if got := s.Do("dbsize"); got != "0" {
		t.Errorf("got %s keys after it was emptied, want 0", got)
	}
}

func TestFrozenRedisServerIsSilentUntilItGoesOn(t *testing.T) {
	s := Redis(t, RedisOptions{})
	s.Stop()
	answered := make(chan string, 1)
	go func() {
		answer, err := s.try("ping")
		if err != nil {
			answer = err.Error()
		}
		answered <- answer
	}()
	select {
	case answer := <-answered:
		t.Fatalf("got %q of a frozen server, want nothing", answer)
	case <-time.After(300 * time.Millisecond):
	}
	s.Continue()
	if answer := <-answered; answer != "PONG" {
		t.Errorf("got %q once it went on, want PONG", answer)
	}
}

func TestRedisClusterMovesSlotsAndFailsOver(t *testing.T) {
	c := StartRedisCluster(t, RedisOptions{})
	c.MoveSlot(0, c.Nodes[0], c.Nodes[1])
	if got := c.Nodes[1].Do("cluster", "slots"); !strings.HasPrefix(got, "0\n0\n") {
		t.Errorf("got the slots %q, want slot 0 by itself", got)
	}
	c.Nodes[2].Kill()
	c.Nodes[5].Eventually("role:master", "info", "replication")
	c.AwaitHealthy()
}

func TestRedisSentinelsFailOver(t *testing.T) {
	s := StartRedisSentinels(t, RedisOptions{Password: "secret"})
	s.Primary.Kill()
	s.Replica.Eventually("role:master", "info", "replication")
	s.Sentinels[0].Eventually(strings.TrimPrefix(s.Replica.Address, "127.0.0.1:"), "sentinel", "get-master-addr-by-name", "mymaster")
}
