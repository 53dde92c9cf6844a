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

// builtInPage is the built-in page, ready to be sent, with the policy that lets a
// browser apply the page's own script and style, scripts of this address, which has only the client, and nothing else.
type builtInPage struct {
	body   []byte
	policy string
}

// The hint under the publish form.
const (
	relayHint   = "The hub relays it to all other subscribers, but not back to this tab. Open a second tab to see it arrive."
	noRelayHint = "This hub does not relay what clients send; only its own listeners see it. Publish to subscribers with POST /publish."
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
		policy: fmt.Sprintf("default-src 'none'; script-src 'self' '%s'; style-src '%s'; img-src data:; connect-src 'self'; "+
			"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
			elementHash(source, "script"), elementHash(source, "style")),
	}
}

// elementHash is the source expression (Content Security Policy Level 3, section
// 2.3.1) of the page's only element of that name.
func elementHash(source, name string) string {
	_, rest, _ := strings.Cut(source, "<"+name)
	_, rest, _ = strings.Cut(rest, ">")
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
