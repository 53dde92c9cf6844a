package engines

import (
	"bufio"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// greeting is the first line that a server sends to who connects.
func greeting(t *testing.T, s *NATSServer, patience time.Duration) (string, error) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "nats://"))
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if err = conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return bufio.NewReader(conn).ReadString('\n')
}

func TestNATSServerIsThereUntilItIsKilledAndAfterARestart(t *testing.T) {
	s := NATS(t, NATSOptions{MaxPayload: 12345})
	for range 2 {
		if line, err := greeting(t, s, time.Minute); err != nil || !strings.HasPrefix(line, "INFO ") || !strings.Contains(line, `"max_payload":12345`) || !strings.Contains(line, `"jetstream":true`) {
			t.Fatalf("got %q, %v, want a greeting with JetStream and the limit", line, err)
		}
		s.Kill()
		if line, err := greeting(t, s, time.Minute); err == nil {
			t.Fatalf("got %q of a server that was killed, want an error", line)
		}
		s.Restart()
	}
	if entries, err := os.ReadDir(s.Store); err != nil || len(entries) == 0 {
		t.Errorf("got %v, %v in the store, want JetStream's files", entries, err)
	}
}

func TestFrozenNATSServerIsSilentUntilItGoesOn(t *testing.T) {
	s := NATS(t, NATSOptions{})
	s.Stop()
	if line, err := greeting(t, s, 300*time.Millisecond); err == nil {
		t.Fatalf("got %q of a frozen server, want nothing", line)
	}
	s.Continue()
	if line, err := greeting(t, s, time.Minute); err != nil {
		t.Errorf("got %q, %v, want a greeting", line, err)
	}
}

func TestNATSClusterHasAllItsServers(t *testing.T) {
	servers := NATSCluster(t, 3, NATSOptions{})
	seen := map[string]bool{}
	for _, s := range servers {
		seen[s.URL] = true
		if line, err := greeting(t, s, time.Minute); err != nil || !strings.Contains(line, `"cluster":"test"`) {
			t.Errorf("got %q, %v, want a greeting with the cluster", line, err)
		}
	}
	if len(seen) != 3 {
		t.Errorf("got %d addresses, want 3", len(seen))
	}
}
