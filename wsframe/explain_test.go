package wsframe

import (
	"strings"
	"testing"
)

// refusedHead is a handshake whose Origin and Host don't match.
func refusedHead(origin, host string) []byte {
	return []byte("GET /ws HTTP/1.1\r\nHost: " + host + "\r\nOrigin: " + origin + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
}

func TestRefusalsAreExplained(t *testing.T) {
	for name, c := range map[string]struct {
		config       PolicyConfig
		origin, host string
		isSecure     bool
		status       int
		says         string
	}{
		"both hosts":            {PolicyConfig{}, "https://a.example", "b.example:1", false, 403, `Origin "https://a.example" does not match Host "b.example:1"`},
		"what a proxy must do":  {PolicyConfig{}, "https://a.example", "b.example", false, 403, "nginx: proxy_set_header Host"},
		"a page without TLS":    {PolicyConfig{}, "http://a.example", "a.example", true, 403, "load the page over https"},
		"a list of origins":     {PolicyConfig{Origins: []string{"https://c.example"}}, "https://a.example", "a.example", false, 403, `Origin "https://a.example" is none of those`},
		"a malformed Origin":    {PolicyConfig{}, "https://a.example/<b>", "a.example", false, 403, `"https://a.example/?b?" is malformed`},
		"a long Origin":         {PolicyConfig{}, "https://" + strings.Repeat("a", 5000), "a.example", false, 403, `aaa..."`},
		"a name that isn't one": {PolicyConfig{Hosts: []string{"c.example"}}, "https://a.example", "a.example", false, 421, `Host "a.example" is no name`},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := NewPolicy(c.config)
			if err != nil {
				t.Fatal(err)
			}
			r, refusal := ParseRequest(refusedHead(c.origin, c.host))
			if refusal != nil {
				t.Fatal(refusal)
			}
			r.IsSecure = c.isSecure
			_, _, refusal = p.Upgrade(&r, nil)
			got := p.Explain(refusal, &r)
			if got == nil || got.Status != c.status || !strings.Contains(got.Reason, c.says) || len(got.Reason) > 1000 {
				t.Errorf("got %v, want %d and %s", got, c.status, c.says)
			}
		})
	}
}

func TestAnExplanationIsBoundedInMemory(t *testing.T) {
	p := new(Policy)
	r, _ := ParseRequest(refusedHead("https://a.example", "b.example"))
	_, _, refusal := p.Upgrade(&r, nil)
	if got := testing.AllocsPerRun(100, func() { p.Explain(refusal, &r) }); got > 16 {
		t.Errorf("got %v allocations, want 16 at most", got)
	}
	if got := testing.AllocsPerRun(100, func() { p.Explain(refusalKey, &r) }); got != 0 {
		t.Errorf("got %v allocations for a refusal that needs no explanation, want none", got)
	}
}
