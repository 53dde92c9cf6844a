package wsframe

import (
	"net/http"
	"strconv"
	"time"
)

// Refusal is the HTTP error that answers a request instead of a WebSocket (RFC 6455 section 4.2.2). Refusals are shared values made
// once, so that a hostile request costs no allocation. Nobody may change one.
type Refusal struct {
	// Status is the HTTP status: 400, 403, 404, 405, 421, 426, 431 or 505.
	Status int
	// Reason tells a person in one line what is wrong. It depends on nothing but the cause.
	Reason string
	// Field and Value are the header field that the status calls for, both empty if it calls for none.
	Field, Value string
	// RetryAfter is after how many seconds the client may come back, sent as Retry-After; 0 says nothing of it.
	RetryAfter int
}

// Error makes a refusal usable as an error. Don't store a nil *Refusal in an error variable: that isn't a nil error.
func (r *Refusal) Error() string {
	return "websocket handshake refused with " + strconv.Itoa(r.Status) + ": " + r.Reason
}

// AppendResponse appends the whole HTTP/1.1 response and returns the extended slice. The response says "Connection: close",
// has at as the Date that RFC 9110 section 6.6.1 asks for, and the reason as its body. The caller sends it and closes.
func (r *Refusal) AppendResponse(dst []byte, at time.Time) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(r.Status), 10)
	dst = append(dst, ' ')
	dst = append(dst, http.StatusText(r.Status)...)
	dst = append(dst, "\r\nConnection: "...)
	dst = append(dst, r.connection()...)
	if r.Field != "" {
		dst = append(dst, "\r\n"...)
		dst = append(dst, r.Field...)
		dst = append(dst, ": "...)
		dst = append(dst, r.Value...)
	}
	if r.RetryAfter > 0 {
		dst = append(dst, "\r\nRetry-After: "...)
		dst = strconv.AppendInt(dst, int64(r.RetryAfter), 10)
	}
	dst = append(dst, "\r\nDate: "...)
	dst = at.UTC().AppendFormat(dst, http.TimeFormat)
	dst = append(dst, "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(r.Reason)+1), 10)
	dst = append(dst, "\r\n\r\n"...)
	dst = append(dst, r.Reason...)
	return append(dst, '\n')
}

// ServeHTTP answers with the refusal through net/http, for a request that was not hijacked. request may be nil, which means one
// over HTTP/1.
func (r *Refusal) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if request == nil || request.ProtoMajor < 2 {
		w.Header().Set("Connection", r.connection())
	}
	if r.Field != "" {
		w.Header().Set(r.Field, r.Value)
	}
	if r.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(r.RetryAfter))
	}
	http.Error(w, r.Reason, r.Status)
}

// connection returns the Connection field, which must name Upgrade if that field is sent (RFC 9110 section 7.8).
func (r *Refusal) connection() string {
	if r.Field == "Upgrade" {
		return "close, Upgrade"
	}
	return "close"
}

var (
	refusalRequestLine = &Refusal{Status: 400, Reason: "malformed request line"}
	refusalTarget      = &Refusal{Status: 400, Reason: "malformed request target"}
	refusalBareNewline = &Refusal{Status: 400, Reason: "lines must end with CR LF"}
	refusalFieldLine   = &Refusal{Status: 400, Reason: "malformed header field"}
	refusalFieldValue  = &Refusal{Status: 400, Reason: "control character in a header field"}
	refusalDuplicate   = &Refusal{Status: 400, Reason: "header field repeated that may come only once"}
	refusalNoHost      = &Refusal{Status: 400, Reason: "no Host"}
	refusalHost        = &Refusal{Status: 400, Reason: "malformed Host"}
	refusalLengths     = &Refusal{Status: 400, Reason: "malformed or conflicting body length"}
	refusalHTTPVersion = &Refusal{Status: 505, Reason: "WebSocket needs HTTP/1.1; a proxy has to speak it to the hub (nginx: proxy_http_version 1.1)"}
	refusalHTTP2       = &Refusal{Status: 505, Reason: "this request came over HTTP/2, on which the hub speaks no WebSocket (RFC 8441): the server or proxy in front has to offer HTTP/1.1 here"}
	refusalProxyLine   = &Refusal{Status: 400, Reason: "the PROXY protocol isn't spoken here: turn it off in the load balancer"}
	refusalTLS         = &Refusal{Status: 400, Reason: "this looks like TLS, which isn't spoken here: use ws:// or http://, or turn TLS on for this port, at the hub or at a proxy in front"}

	refusalPath      = &Refusal{Status: 404, Reason: "no WebSocket here"}
	refusalMethod    = &Refusal{Status: 405, Reason: "WebSocket needs GET", Field: "Allow", Value: "GET"}
	refusalNoUpgrade = &Refusal{Status: 426, Reason: `this is a WebSocket endpoint: connect with a WebSocket client, which sends "Connection: Upgrade" and "Upgrade: websocket"; a proxy on the way has to pass both on (nginx: proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";)`, Field: "Upgrade", Value: "websocket"}
	refusalBody      = &Refusal{Status: 400, Reason: "WebSocket handshake with a body"}
	refusalVersion   = &Refusal{Status: 426, Reason: "Sec-WebSocket-Version must be 13", Field: "Sec-WebSocket-Version", Value: "13"}
	refusalKey       = &Refusal{Status: 400, Reason: "Sec-WebSocket-Key must be 16 bytes in base64"}
	refusalProtocols = &Refusal{Status: 400, Reason: "malformed Sec-WebSocket-Protocol"}
	refusalOrigin    = &Refusal{Status: 403, Reason: "pages of this Origin may not connect; the operator can allow them with --origin, an embedder with Config.Origins"}

	refusalMisdirected = &Refusal{Status: 421, Reason: "this hub doesn't answer to the name in Host; the operator can add it with --host, an embedder with Config.Hosts (a reverse proxy that passes the visitor's Host on needs that)"}
)
