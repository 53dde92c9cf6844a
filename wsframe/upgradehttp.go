package wsframe

import (
	"net/http"
	"slices"
	"strings"
)

// UpgradeHTTP is [Policy.Upgrade] for a request that net/http has parsed. It writes the fields that matter into a head and applies
// the same rules to that. It can't find what net/http has dropped, such as a bare LF. It neither hijacks nor writes. If it
// accepts, the caller hijacks the connection, writes response, and takes what the hijacked reader has buffered as the first
// frames. A request with https in r.URL.Scheme, which net/http leaves empty, has Request.IsSecure. If it refuses, the caller may call the refusal's ServeHTTP. It doesn't keep r.
func (p *Policy) UpgradeHTTP(r *http.Request, dst []byte) (response []byte, subprotocol string, refusal *Refusal) {
	if r.ProtoMajor >= 2 {
		return dst, "", refusalHTTP2
	}
	if r.ProtoMajor != 1 || r.ProtoMinor != 1 {
		return dst, "", refusalHTTPVersion
	}
	head, refusal := renderHead(r)
	if refusal != nil {
		return dst, "", refusal
	}
	request, refusal := ParseRequest(head)
	if refusal != nil {
		return dst, "", refusal
	}
	request.IsSecure = isSecureHTTP(r)
	return p.Upgrade(&request, dst)
}

func isSecureHTTP(r *http.Request) bool {
	return r.TLS != nil || r.URL != nil && r.URL.Scheme == "https"
}

// handshakeFields are the header fields that Upgrade looks at, but for Host.
var handshakeFields = [...]string{
	"Upgrade", "Connection", "Origin", "Sec-Websocket-Key", "Sec-Websocket-Version", "Sec-Websocket-Protocol",
}

// renderHead writes the request head that r came from, with handshakeFields alone.
func renderHead(r *http.Request) (head []byte, refusal *Refusal) {
	target := r.RequestURI
	if target == "" && r.URL != nil {
		target = r.URL.RequestURI()
	}
	if hasLineBreak(r.Method) || hasLineBreak(target) || hasLineBreak(r.Host) {
		return nil, refusalRequestLine
	}
	head = make([]byte, 0, 512)
	head = append(append(append(append(head, r.Method...), ' '), target...), " HTTP/1.1\r\n"...)
	head = appendField(head, "Host", r.Host)
	if r.ContentLength != 0 {
		head = appendField(head, "Transfer-Encoding", "chunked")
	}
	for _, name := range handshakeFields {
		values := r.Header[name]
		if slices.ContainsFunc(values, hasLineBreak) {
			return nil, refusalFieldValue
		}
		for _, value := range values {
			head = appendField(head, name, value)
		}
	}
	return append(head, "\r\n"...), nil
}

func hasLineBreak(text string) bool { return strings.ContainsAny(text, "\r\n") }

func appendField(head []byte, name, value string) []byte {
	head = append(append(head, name...), ": "...)
	return append(append(head, value...), "\r\n"...)
}
