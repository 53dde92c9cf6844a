package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestPageBehindAMisconfiguredProxyIsExplained(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	_, public := makeKey(t, "EdDSA")
	const host, upgrade = "host: app.test\n", "proxy_set_header Upgrade $http_upgrade;"
	for name, c := range map[string]struct {
		configuration string
		removed       string
		status        int
		words         []string
	}{
		"nginx passes no Host":        {host, "proxy_set_header Host $http_host;", 403, []string{"SITE", "HUB", "proxy_set_header Host"}},
		"nginx passes no Upgrade":     {host, upgrade, 426, []string{"Upgrade", "proxy_set_header Upgrade"}},
		"nginx closes the connection": {host, `proxy_set_header Connection "upgrade";`, 426, []string{"Connection", "proxy_set_header Connection"}},
		"nginx does neither":          {host, upgrade + "\n    " + `proxy_set_header Connection "upgrade";`, 426, []string{"Upgrade", "proxy_set_header Upgrade"}},
		"the hub has another name":    {"", "", 421, []string{"app.test", "--host"}},
	} {
		t.Run(name, func(t *testing.T) {
			edit := strings.NewReplacer()
			if c.removed != "" {
				edit = strings.NewReplacer(c.removed, "")
			}
			app := startApplication(t, "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\ntrusted-proxy: 127.0.0.1\njwt-key: "+public+"\n"+c.configuration, edit)
			page := app.open(t, browser)
			page.expect(t, "1006", `connect("a.b.c")`)
			record := app.hub.output.await(t, "handshake refused")
			status, answer := app.handshake(t)
			if status != c.status {
				t.Errorf("got %d, want %d", status, c.status)
			}
			target, err := url.Parse(app.hub.websocket)
			if err != nil {
				t.Fatal(err)
			}
			for _, words := range c.words {
				words = strings.NewReplacer("SITE", app.site, "HUB", target.Host).Replace(words)
				if reason := fmt.Sprint(record["reason"]); !strings.Contains(reason, words) || !strings.Contains(answer, words) {
					t.Errorf("got the line %v and the answer %q, want %q in both", record, answer, words)
				}
			}
			if record["address"] != "127.0.0.1:0" || record["origin"] != app.site {
				t.Errorf("got the line %v, want the address of the browser, without the proxy's port, and %s as its origin", record, app.site)
			}
		})
	}
}

// handshake asks for an upgrade as the page does, and returns what its developer sees.
func (a *application) handshake(t *testing.T) (status int, body string) {
	t.Helper()
	header := handshakeHeader(a.site)
	status, _, body = ask(t, http.MethodGet, "http://"+a.address+"/", "ws", strings.TrimPrefix(a.site, "http://"), header)
	return status, body
}
