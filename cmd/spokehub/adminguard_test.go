package main

import (
	"net/http"
	"strings"
	"testing"
)

func TestPagesOfOtherSitesCanNotUseTheAdminAddress(t *testing.T) {
	hub := startHub(t, nil)
	fields := func(site, mode, dest string) http.Header {
		return http.Header{"Sec-Fetch-Site": {site}, "Sec-Fetch-Mode": {mode}, "Sec-Fetch-Dest": {dest}}
	}
	for name, c := range map[string]struct {
		method, path string
		header       http.Header
		want         int
	}{
		"a profile that a page asks for":       {"GET", "debug/pprof/heap?gc=1", fields("cross-site", "no-cors", "image"), 403},
		"a profile that a page links to":       {"GET", "debug/pprof/heap?gc=1", fields("cross-site", "navigate", "document"), 403},
		"metrics for a page":                   {"GET", "metrics", fields("cross-site", "cors", "empty"), 403},
		"the index in a frame":                 {"GET", "", fields("cross-site", "navigate", "iframe"), 403},
		"a HEAD of a page":                     {"HEAD", "debug/pprof/", fields("cross-site", "no-cors", "empty"), 403},
		"an event of a page":                   {"POST", "publish", fields("cross-site", "no-cors", "empty"), 403},
		"a profile for a page of another port": {"GET", "debug/pprof/heap?gc=1", fields("same-site", "no-cors", "image"), 403},
		"a frame in a page of another port":    {"GET", "", fields("same-site", "navigate", "iframe"), 403},
		"an event of a page of another port":   {"POST", "publish", fields("same-site", "navigate", "document"), 403},
		"a link from a page of another port":   {"GET", "", fields("same-site", "navigate", "document"), 200},
		"a site that is none of the known":     {"GET", "metrics", fields("elsewhere", "navigate", "document"), 403},
		"a page of its own":                    {"GET", "metrics", fields("same-origin", "cors", "empty"), 200},
		"an address that somebody typed":       {"GET", "debug/pprof/", fields("none", "navigate", "document"), 200},
		"curl":                                 {"GET", "metrics", nil, 200},
		"go tool pprof, which posts addresses": {"POST", "debug/pprof/symbol", nil, 200},
		"an old browser's form":                {"POST", "publish", http.Header{"Origin": {"https://evil.example"}}, 403},
	} {
		t.Run(name, func(t *testing.T) {
			status, _, body := ask(t, c.method, hub.admin, c.path, "", c.header)
			if status != c.want {
				t.Errorf("got %d %.200q, want %d", status, body, c.want)
			}
		})
	}
}

func TestAdminAnswersStayOutOfFramesAndCaches(t *testing.T) {
	hub := startHub(t, nil)
	for _, path := range []string{"", "metrics", "debug/pprof/", "debug/pprof/heap?debug=1", "healthz", "nowhere"} {
		_, header, _ := get(t, hub.admin+path)
		for name, want := range map[string]string{"X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
			"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"} {
			if got := header.Get(name); got != want {
				t.Errorf("/%s: got %s %q, want %q", path, name, got, want)
			}
		}
		policy := header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "form-action 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("/%s: got the policy %q, want %s in it", path, policy, want)
			}
		}
	}
}

func TestAdminPagesMayApplyTheirOwnStyle(t *testing.T) {
	hub := startHub(t, nil)
	for _, path := range []string{"", "debug/pprof/"} {
		_, header, body := get(t, hub.admin+path)
		if !strings.Contains(body, "<style>") {
			t.Errorf("/%s: got a page without a style, want one", path)
		}
		if policy, want := header.Get("Content-Security-Policy"), elementHash(body, "style"); !strings.Contains(policy, want) || strings.Contains(policy, "unsafe") {
			t.Errorf("/%s: got the policy %q, want %s in it and nothing unsafe", path, policy, want)
		}
	}
}
