package wsframe

import (
	"net/http"
	"strconv"
	"strings"
)

// maxEcho is how much of what a client sent a refusal repeats.
const maxEcho = 128

const (
	// behindProxy says what a proxy in front has to do where the request doesn't have the Host that the page has.
	behindProxy = "A reverse proxy in front has to pass on the Host that the browser sent (nginx: proxy_set_header Host $http_host;)," +
		" or to tell it in X-Forwarded-Host and be named with --trusted-proxy (Config.TrustedProxies)"
	allowOrigin = "the operator can allow the Origin with --origin, an embedder with Config.Origins"
)

// Explain returns what to answer with a refusal of Upgrade: the same refusal, or one for its request alone where the developer of the
// page needs to know what was compared. It allocates only for the latter, which is bounded. Anybody may call it.
func (p *Policy) Explain(refusal *Refusal, r *Request) *Refusal {
	switch refusal {
	case refusalOrigin:
		return p.explainOrigin(string(r.Origin), string(r.Host), r.IsSecure)
	case refusalMisdirected:
		return explainHost(string(r.Host))
	}
	return refusal
}

// ExplainHTTP is Explain for a refusal of UpgradeHTTP.
func (p *Policy) ExplainHTTP(refusal *Refusal, r *http.Request) *Refusal {
	switch refusal {
	case refusalOrigin:
		return p.explainOrigin(r.Header.Get("Origin"), r.Host, isSecureHTTP(r))
	case refusalMisdirected:
		return explainHost(r.Host)
	}
	return refusal
}

func (p *Policy) explainOrigin(origin, host string, isSecure bool) *Refusal {
	o, ok := splitOrigin(origin)
	isUnprotected := ok && isSecure && isSameHost(o, &Request{Host: []byte(host)})
	text := "Origin " + echo(origin)
	switch {
	case !ok:
		text += " is malformed: no page of it may connect"
	case len(p.origins) > 0:
		text += " is none of those whose pages may connect; " + allowOrigin
	case isUnprotected:
		text += " is without TLS, and this request to Host " + echo(host) + " came over TLS: load the page over https, or " + allowOrigin
	default:
		text += " does not match Host " + echo(host) + ". " + behindProxy + ". If the page belongs to another host, " + allowOrigin
	}
	return &Refusal{Status: refusalOrigin.Status, Reason: text}
}

func explainHost(host string) *Refusal {
	return &Refusal{Status: refusalMisdirected.Status, Reason: "Host " + echo(host) + " is no name of this hub; the operator can add it with --host, " +
		"an embedder with Config.Hosts. Behind a reverse proxy that is the name which the proxy passes on"}
}

// echo repeats what a client sent, cut and in quotes, in characters that mean nothing to a browser.
func echo(text string) string {
	cut := strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' || c == '<' || c == '>' || c == '&' {
			return '?'
		}
		return c
	}, text[:min(len(text), maxEcho)])
	if len(text) > maxEcho {
		cut += "..."
	}
	return strconv.Quote(cut)
}
