package main

import (
	"fmt"
	"net/http"
	"net/http/pprof"
	"net/url"
	"strings"
	"sync"
)

const (
	// adminPolicy lets a browser do nothing with an answer of the admin address but show it.
	adminPolicy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	// styledPolicy also lets it apply the one style of a page.
	styledPolicy = "default-src 'none'; style-src '%s'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

// withAdminHeaders keeps answers of the admin address out of frames, other pages, caches and referrers.
func withAdminHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", adminPolicy)
		header.Set("X-Frame-Options", "DENY")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Cache-Control", "no-store")
		header.Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

// ownPagesOnly rejects what pages of other origins ask a browser for, whatever the method: a profile or a garbage collection
// costs the hub time even if the page can't read the answer. From another port or a subdomain (same-site) a person may follow
// a link. Clients that are no browsers send no Sec-Fetch-Site.
func ownPagesOnly(next http.Handler) http.Handler {
	protected := http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch site := r.Header.Get("Sec-Fetch-Site"); site {
		case "", "none", "same-origin":
		default:
			isLink := r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
			if site != "same-site" || !isLink {
				writeText(w, http.StatusForbidden, fmt.Sprintf("a page of another site asked for this (Sec-Fetch-Site: %s), and only pages of this address may. "+
					"To see it, type the address into the browser.", site))
				return
			}
		}
		protected.ServeHTTP(w, r)
	})
}

// profileIndex is the index of profiles with a policy that allows its style, and a profile with that of the others.
func profileIndex(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/debug/pprof/" {
		w.Header().Set("Content-Security-Policy", profileIndexPolicy())
	}
	pprof.Index(w, r)
}

var profileIndexPolicy = sync.OnceValue(func() string {
	index := &pageBuffer{header: http.Header{}}
	pprof.Index(index, &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/debug/pprof/"}})
	return fmt.Sprintf(styledPolicy, elementHash(index.body.String(), "style"))
})

// pageBuffer takes a page instead of a client.
type pageBuffer struct {
	header http.Header
	body   strings.Builder
}

func (b *pageBuffer) Header() http.Header            { return b.header }
func (b *pageBuffer) WriteHeader(int)                {}
func (b *pageBuffer) Write(view []byte) (int, error) { return b.body.Write(view) }
