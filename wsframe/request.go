package wsframe

import (
	"bytes"
	"iter"
)

// Request is the parsed head of an HTTP request. Its slices are views of that head and valid as long as the head is.
type Request struct {
	// Method is a token, as sent: methods are case-sensitive.
	Method []byte
	// Target is the request target as sent.
	Target []byte
	// Path is the target's path, undecoded, without the query. A target without a path ("*", or an authority) is its own path.
	Path []byte
	// Query is what follows the first question mark, undecoded.
	Query []byte
	// Host is the authority asked for: that of an absolute target, else the Host field.
	Host []byte
	// Origin is the Origin field. It is empty if there is none; only browsers send one.
	Origin []byte
	// IsSecure is true if the client used TLS, as far as the caller knows. A page that came without TLS is on another host then.
	IsSecure bool
	// IsUpgrade is true if the client asks for a WebSocket: "websocket" is in Upgrade and "upgrade" in Connection.
	IsUpgrade bool

	head requestHead
}

// requestHead is what else [Policy.Upgrade] needs to know of a request.
type requestHead struct {
	// fields is the head without the request line.
	fields []byte
	// key is the Sec-WebSocket-Key field, version the Sec-WebSocket-Version field.
	key     []byte
	version []byte
	// seen has the fields that came.
	seen fieldSet
	// http11 is true for HTTP/1.1, false for HTTP/1.0.
	http11 bool
	// upgrade is true if "websocket" is in Upgrade, connected if "upgrade" is in Connection.
	upgrade   bool
	connected bool
	// body is true if the request announces a body that isn't empty.
	body bool
}

// fieldSet has a bit for each header field that matters here.
type fieldSet uint16

const (
	fieldHost fieldSet = 1 << iota
	fieldOrigin
	fieldUpgrade
	fieldConnection
	fieldContentLength
	fieldTransferEncoding
	fieldKey
	fieldVersion
	fieldProtocol
)

// fieldsOnce are the fields that may come only once.
const fieldsOnce = fieldHost | fieldOrigin | fieldContentLength | fieldKey | fieldVersion

// ParseRequest parses a head that [Policy.FindHead] has delimited. It is strict: names are tokens, the colon follows them directly,
// values have no control characters, no line is folded, and Host, Origin, Content-Length, Sec-WebSocket-Key and
// Sec-WebSocket-Version come at most once (RFC 9110 section 5, RFC 9112 sections 3, 5 and 6, RFC 6455 section 11.3). It accepts any
// method, path and body, and HTTP/1.0, since the request may be for the caller's web server; [Policy.Upgrade] decides
// whether it may become a WebSocket. It changes nothing and allocates nothing. A refusal is 400 or 505.
func ParseRequest(head []byte) (r Request, refusal *Refusal) {
	line, rest, ok := cutLine(head)
	if !ok {
		return r, refusalRequestLine
	}
	if refusal := r.parseLine(line); refusal != nil {
		return r, refusal
	}
	r.head.fields = rest
	for {
		line, rest, ok = cutLine(rest)
		if !ok || len(line) == 0 {
			break
		}
		if refusal := r.parseField(line); refusal != nil {
			return r, refusal
		}
	}
	switch {
	case !ok || len(rest) > 0:
		return r, refusalFieldLine
	case r.head.http11 && r.head.seen&fieldHost == 0:
		return r, refusalNoHost
	case r.head.seen&fieldContentLength != 0 && r.head.seen&fieldTransferEncoding != 0:
		return r, refusalLengths
	}
	r.IsUpgrade = r.head.upgrade && r.head.connected
	return r, r.splitTarget()
}

// Fields yields the header fields in their order, with values trimmed. What it yields are views. Only the request that ParseRequest
// returned without a refusal has all of them.
func (r *Request) Fields() iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for line, rest, ok := cutLine(r.head.fields); ok && len(line) > 0; line, rest, ok = cutLine(rest) {
			name, value, _ := bytes.Cut(line, colon)
			if !yield(name, trim(value)) {
				return
			}
		}
	}
}

// cutLine splits view after its first line. ok is false if that doesn't end with CR LF.
func cutLine(view []byte) (line, rest []byte, ok bool) {
	end := bytes.IndexByte(view, '\n')
	if end < 1 || view[end-1] != '\r' {
		return nil, view, false
	}
	return view[:end-1], view[end+1:], true
}

func (r *Request) parseLine(line []byte) *Refusal {
	if bytes.HasPrefix(line, proxyLine) {
		return refusalProxyLine
	}
	first, last := bytes.IndexByte(line, ' '), bytes.LastIndexByte(line, ' ')
	if first < 1 || last <= first+1 {
		return refusalRequestLine
	}
	r.Method, r.Target = line[:first], line[first+1:last]
	if !isToken(r.Method) {
		return refusalRequestLine
	}
	for _, c := range r.Target {
		if c <= ' ' || c == 0x7F || c == '#' {
			return refusalTarget
		}
	}
	version := line[last+1:]
	switch string(version) {
	case "HTTP/1.1":
		r.head.http11 = true
	case "HTTP/1.0":
	default:
		return versionRefusal(version)
	}
	return nil
}

// versionRefusal tells other versions of HTTP from what isn't HTTP.
func versionRefusal(version []byte) *Refusal {
	number, ok := bytes.CutPrefix(version, []byte("HTTP/"))
	if ok && len(number) == 3 && isDigit(number[0]) && number[1] == '.' && isDigit(number[2]) {
		return refusalHTTPVersion
	}
	return refusalRequestLine
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func (r *Request) parseField(line []byte) *Refusal {
	colon := bytes.IndexByte(line, ':')
	if colon < 1 || !isToken(line[:colon]) {
		return refusalFieldLine
	}
	value := trim(line[colon+1:])
	if !isPrintable(value) {
		return refusalFieldValue
	}
	field := fieldNamed(line[:colon])
	if field == 0 {
		return nil
	}
	if r.head.seen&field&fieldsOnce != 0 {
		return refusalDuplicate
	}
	r.head.seen |= field
	return r.setField(field, value)
}

// fieldNamed returns the field of that name, 0 if it doesn't matter here.
func fieldNamed(name []byte) fieldSet {
	switch len(name) {
	case 4:
		return fieldIf(name, "host", fieldHost)
	case 6:
		return fieldIf(name, "origin", fieldOrigin)
	case 7:
		return fieldIf(name, "upgrade", fieldUpgrade)
	case 10:
		return fieldIf(name, "connection", fieldConnection)
	case 14:
		return fieldIf(name, "content-length", fieldContentLength)
	case 17:
		return fieldIf(name, "sec-websocket-key", fieldKey) | fieldIf(name, "transfer-encoding", fieldTransferEncoding)
	case 21:
		return fieldIf(name, "sec-websocket-version", fieldVersion)
	case 22:
		return fieldIf(name, "sec-websocket-protocol", fieldProtocol)
	}
	return 0
}

func fieldIf(name []byte, lower string, field fieldSet) fieldSet {
	if equalFold(name, lower) {
		return field
	}
	return 0
}

// setField stores the value of a field, or what matters of it.
func (r *Request) setField(field fieldSet, value []byte) *Refusal {
	switch field {
	case fieldHost:
		if !consistsOf(value, &hostChars) {
			return refusalHost
		}
		r.Host = value
	case fieldOrigin:
		r.Origin = value
	case fieldUpgrade:
		r.head.upgrade = r.head.upgrade || listHas(value, "websocket")
	case fieldConnection:
		r.head.connected = r.head.connected || listHas(value, "upgrade")
	case fieldContentLength:
		for _, c := range value {
			if !isDigit(c) {
				return refusalLengths
			}
			r.head.body = r.head.body || c != '0'
		}
		if len(value) == 0 {
			return refusalLengths
		}
	case fieldTransferEncoding:
		r.head.body = true
	case fieldKey:
		r.head.key = value
	case fieldVersion:
		r.head.version = value
	}
	return nil
}

// splitTarget finds the path and the query in the target. The authority of an absolute target, which clients of proxies send,
// replaces the Host field (RFC 9112 section 3.2.2).
func (r *Request) splitTarget() *Refusal {
	path := r.Target
	if path[0] != '/' && bytes.Contains(path, []byte("://")) {
		scheme := bytes.IndexByte(path, ':')
		if !isWebScheme(path[:scheme]) {
			return refusalTarget
		}
		authority := path[scheme+len("://"):]
		path = slash
		if end := bytes.IndexAny(authority, "/?"); end >= 0 {
			authority, path = authority[:end], authority[end:]
		}
		if len(authority) == 0 || !consistsOf(authority, &hostChars) {
			return refusalTarget
		}
		r.Host = authority
	}
	r.Path, r.Query, _ = bytes.Cut(path, question)
	if len(r.Path) == 0 {
		r.Path = slash
	}
	return nil
}

func isWebScheme(scheme []byte) bool {
	return equalFold(scheme, "http") || equalFold(scheme, "https") || equalFold(scheme, "ws") || equalFold(scheme, "wss")
}

var (
	slash    = []byte{'/'}
	question = []byte{'?'}
	colon    = []byte{':'}
	// proxyLine begins what a load balancer with the PROXY protocol sends ahead of a request.
	proxyLine = []byte("PROXY ")
)
