package main

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html"
	"net/http"
	"strings"
)

//go:embed page.html
var pageSource string

// builtInPage is the built-in page, ready to be sent, and the policy that lets a
// browser run its own script and style and nothing else.
type builtInPage struct {
	body   []byte
	policy string
}

const (
	relayHint   = "The hub passes it on to every other subscriber, not back to this tab. Open a second one to see it arrive."
	noRelayHint = "This hub does not relay what clients send: it goes to the hub's own listeners. Publish to subscribers with POST /publish."
)

// newBuiltInPage prepares the page for a hub that answers handshakes at path.
func newBuiltInPage(path string, relays bool) builtInPage {
	hint := noRelayHint
	if relays {
		hint = relayHint
	}
	source := strings.NewReplacer("{{path}}", html.EscapeString(path), "{{hint}}", html.EscapeString(hint)).Replace(pageSource)
	return builtInPage{
		body: []byte(source),
		policy: fmt.Sprintf("default-src 'none'; script-src '%s'; style-src '%s'; img-src data:; connect-src 'self'; "+
			"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
			elementHash(source, "script"), elementHash(source, "style")),
	}
}

// elementHash is the source expression of Content Security Policy Level 3,
// section 2.3.1, for the only element of that name.
func elementHash(source, name string) string {
	_, rest, _ := strings.Cut(source, "<"+name+">")
	content, _, _ := strings.Cut(rest, "</"+name+">")
	sum := sha256.Sum256([]byte(content))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

func (p builtInPage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", p.policy)
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cache-Control", "no-cache")
	w.Write(p.body)
}
