package fanout

import (
	"context"
	"net/netip"
	"testing"

	"github.com/spokehub/spokehub/wsframe"
)

func idleHub(t *testing.T, cfg Config) *Hub {
	t.Helper()
	h, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Shutdown(context.Background()) })
	return h
}

func TestAConnectionThatChangesItsAddressIsCountedOnlyWhileItLives(t *testing.T) {
	proxy, client := addressOf(netip.MustParseAddrPort("10.0.0.1:1")), addressOf(netip.MustParseAddrPort("192.0.2.1:0"))
	for name, c := range map[string]struct {
		marks   marks
		isOver  bool
		refused bool
	}{
		"of a client within its limit": {countedIn | handshakeCounted, false, false},
		"of a client over its limit":   {countedIn | handshakeCounted, true, true},
		"over the limits of the hub":   {0, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := idleHub(t, Config{Reactors: 1, MaxConnectionsPerAddress: 1, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
			a := &h.admission
			if c.isOver {
				a.addresses.add(client)
			}
			before := len(a.addresses.counts)
			s := &Spoke{loop: h.loops[0], peer: proxy, marks: c.marks | byProxy}
			if c.marks&countedIn != 0 {
				if refusal := a.admit(s.countsFor()); refusal != nil {
					t.Fatalf("got %v, want it admitted", refusal)
				}
			}
			if got := h.loops[0].attribute(s, client) != nil; got != c.refused {
				t.Errorf("got refused %v, want %v", got, c.refused)
			}
			a.removeSpoke(s)
			if got := len(a.addresses.counts); got != before || a.spokes.Load() != 0 {
				t.Errorf("got %d addresses and %d spokes counted after its end, want %d and none", got, a.spokes.Load(), before)
			}
		})
	}
}

func TestProxiesCostNothingWhereTheyAreNotUsed(t *testing.T) {
	h := idleHub(t, Config{Reactors: 1})
	l, s := h.loops[0], &Spoke{loop: h.loops[0]}
	r, refusal := wsframe.ParseRequest([]byte("GET /ws HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n"))
	if refusal != nil {
		t.Fatal(refusal)
	}
	for name, f := range map[string]func(){
		"a request":                    func() { l.heed(s, &r) },
		"a refusal that nobody logs":   func() { h.log.refused(s.peer, &r, refuseMany) },
		"a handshake that nobody logs": func() { h.log.otherPath(s.peer, &r) },
	} {
		if got := testing.AllocsPerRun(100, f); got != 0 {
			t.Errorf("%s: got %v allocations, want none", name, got)
		}
	}
}
