package main

import (
	"bytes"
	"crypto/tls"
	"net"
	"testing"
)

// TestDoctorForetellsGOMEMLIMIT has spokes come over TLS, which take most of Go's memory, until the collector hardly pauses. The limit is soft:
// nothing is refused, but from it on each batch of spokes costs several times as many collections.
func TestDoctorForetellsGOMEMLIMIT(t *testing.T) {
	const batch, calm, often = 200, 2000, 25
	certificate, key := newAuthority(t).issue(t, []string{"hub.example"}, nil).files(t)
	environ, flags := []string{"GOMEMLIMIT=48MiB", "GOMAXPROCS=2"}, []string{"--tls-cert=" + certificate, "--tls-key=" + key}
	report := foretell(t, nil, environ, flags...)
	if report.First != "GOMEMLIMIT" {
		t.Fatalf("got %s first, want GOMEMLIMIT", report.First)
	}
	hub := startHub(t, environ, flags...)
	listens, _ := hub.start["listen"].([]any)
	address, _ := listens[0].(string)
	collections := metric(t, hub, "go_gc_duration_seconds_count")
	for spokes := batch; ; spokes += batch {
		for range batch {
			subscribeOverTLS(t, address)
		}
		now := metric(t, hub, "go_gc_duration_seconds_count")
		if spokes > calm && now-collections >= often {
			wantNear(t, "spokes at which the collector hardly pauses", uint64(spokes), report.Spokes)
			return
		}
		if spokes > 2*int(report.Spokes) {
			t.Fatalf("got %d spokes and %v collections for the last %d, want many", spokes, now-collections, batch)
		}
		collections = now
	}
}

// subscribeOverTLS opens a spoke that stays until the end of the test.
func subscribeOverTLS(t *testing.T, address string) {
	t.Helper()
	raw, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close() })
	conn := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
	answer := make([]byte, 1024)
	for _, step := range []struct {
		request []byte
		want    string
	}{{[]byte(lineRequest), "HTTP/1.1 101"}, {frameOf(lineTopic), "__ack"}} {
		if _, err := conn.Write(step.request); err != nil {
			t.Fatal(err)
		}
		n, err := conn.Read(answer)
		if err != nil || !bytes.Contains(answer[:n], []byte(step.want)) {
			t.Fatalf("got %v and %q, want %s", err, answer[:n], step.want)
		}
	}
}
