//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"net"
	"testing"
	"time"

	"github.com/spokehub/spokehub/bench/swarm"
	"github.com/spokehub/spokehub/fanout"
)

const (
	playTimeout = time.Minute
	enoughRound = 3
)

// secureHub is a hub in this process that serves TLS.
func secureHub(t *testing.T) place {
	t.Helper()
	certificate, key, err := swarm.NewCertificate()
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	hub, err := fanout.New(fanout.Config{TLS: &tls.Config{Certificates: []tls.Certificate{pair}}})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- hub.Serve(listener) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), playTimeout)
		defer cancel()
		hub.Shutdown(ctx)
		<-served
	})
	return place{Address: listener.Addr().String(), Path: "/ws", Message: 1 << 16, Hub: true, Certificate: string(certificate)}
}

// playOne plays an attack, until enough says so.
func playOne(t *testing.T, name string, enough func(*gang) bool) (end string, g *gang) {
	t.Helper()
	at := secureHub(t)
	found, err := findAttacks([]string{name})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), playTimeout)
	defer stop()
	g = &gang{ends: map[string]int{}}
	one := &attacker{gang: g, ctx: ctx, place: at, server: at.server()}
	if prepare := found[0].prepare; prepare != nil {
		one.frames = prepare(at)
	}
	ended := make(chan string, 1)
	go func() { ended <- found[0].play(one) }()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case end := <-ended:
			return end, g
		case <-ticker.C:
			if enough(g) {
				stop()
			}
		}
	}
}

func TestTheHubEndsWhatIsNoUseOverTLS(t *testing.T) {
	for _, name := range []string{"tls-renegotiation", "tls-key-updates", "tls-empty-records", "tls-warnings"} {
		t.Run(name, func(t *testing.T) {
			end, g := playOne(t, name, func(*gang) bool { return false })
			if end == endOpen || end == endUnconnected || g.sent.Load() == 0 {
				t.Errorf("got %q after %d bytes, want the hub to end it", end, g.sent.Load())
			}
		})
	}
}

func TestAttacksOverTLSGoOn(t *testing.T) {
	for name, enough := range map[string]func(*gang) bool{
		"tls-handshakes":          comesBack,
		"tls-hellos":              comesBack,
		"tls-garbage":             comesBack,
		"tls-plain-requests":      comesBack,
		"tls-half-hello":          sends,
		"tls-dripped-hello":       sends,
		"tls-held-hellos":         sends,
		"tls-half-finished":       sends,
		"tls-key-updates-between": sends,
		"tls-one-byte-records":    sends,
		"tls-pings":               sends,
	} {
		t.Run(name, func(t *testing.T) {
			if end, g := playOne(t, name, enough); !enough(g) {
				t.Errorf("got %q after %d connects and %d bytes, want more", end, g.connects.Load(), g.sent.Load())
			}
		})
	}
}

func comesBack(g *gang) bool { return g.connects.Load() >= enoughRound }

func sends(g *gang) bool { return g.sent.Load() > 0 }
