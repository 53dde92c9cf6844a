package wsframe

import (
	"net/http"
	"slices"
	"strings"
)

// UpgradeHTTP is [Policy.Upgrade] for a request that net/http has parsed: it renders the fields that matter as a head and applies
// the same rules to it. What net/http has dropped by then, such as a bare LF, it can't refuse. It neither hijacks nor writes: on
// acceptance the caller hijacks the connection, writes response, and takes what the hijacked reader has buffered as the first
// frames; on a refusal it may call the refusal's ServeHTTP. r stays the caller's.
func (p *Policy) UpgradeHTTP(r *http.Request, dst []byte) (response []byte, subprotocol string, refusal *Refusal) {
	if r.ProtoMajor != 1 || r.ProtoMinor != 1 {
		return dst, "", refuseHTTPVersion
	}
	head, refusal := renderHead(r)
	if refusal != nil {
		return dst, "", refusal
	}
	request, refusal := ParseRequest(head)
	if refusal != nil {
		return dst, "", refusal
	}
	return p.Upgrade(&request, dst)
}

var handshakeFields = [...]string{
	"Upgrade", "Connection", "Origin", "Sec-Websocket-Key", "Sec-Websocket-Version", "Sec-Websocket-Protocol",
}

func renderHead(r *http.Request) (head []byte, refusal *Refusal) {
	target := r.RequestURI
	if target == "" && r.URL != nil {
		target = r.URL.RequestURI()
	}
	if hasLineBreak(r.Method) || hasLineBreak(target) || hasLineBreak(r.Host) {
		return nil, refuseRequestLine
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
			return nil, refuseFieldValue
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
