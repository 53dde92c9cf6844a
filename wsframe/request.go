package wsframe

import "bytes"

// Request is the head of an HTTP request, parsed. Its slices are views of that head, valid as long as the head is.
type Request struct {
	// Method is a token, as sent: methods are case-sensitive.
	Method []byte
	// Target is the request target as sent.
	Target []byte
	// Path is the target's path, undecoded, without the query. A target that has none ("*", or an authority) is its own path.
	Path []byte
	// Query is what follows the first question mark, undecoded.
	Query []byte
	// Host is the authority that was asked for: of an absolute target, else of the Host field.
	Host []byte
	// Origin is the Origin field; empty if there is none, as from all clients that aren't browsers.
	Origin []byte
	// IsUpgrade tells that the client asks to switch to WebSocket: "websocket" is in Upgrade and "upgrade" in Connection.
	IsUpgrade bool

	fields    []byte
	key       []byte
	version   []byte
	seen      fieldSet
	http11    bool
	upgrade   bool
	connected bool
	body      bool
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

const fieldsOnce = fieldHost | fieldOrigin | fieldContentLength | fieldKey | fieldVersion

// ParseRequest parses a head that [HeadEnd] has delimited, strictly: names are tokens with the colon right behind, values have
// no control characters, no line is folded, and the single-valued fields Host, Origin, Content-Length, Sec-WebSocket-Key and
// Sec-WebSocket-Version come at most once (RFC 9110 section 5, RFC 9112 sections 3, 5 and 6, RFC 6455 section 11.3). It accepts any
// method, path and body, and HTTP/1.0, since the request may be one for the caller's web server: whether it may become a
// WebSocket is for [Policy.Upgrade]. It changes nothing and allocates nothing; a refusal is 400 or 505.
func ParseRequest(head []byte) (r Request, refusal *Refusal) {
	line, rest, ok := cutLine(head)
	if !ok {
		return r, refuseRequestLine
	}
	if refusal := r.parseLine(line); refusal != nil {
		return r, refusal
	}
	r.fields = rest
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
		return r, refuseFieldLine
	case r.http11 && r.seen&fieldHost == 0:
		return r, refuseNoHost
	case r.seen&fieldContentLength != 0 && r.seen&fieldTransferEncoding != 0:
		return r, refuseLengths
	}
	r.IsUpgrade = r.upgrade && r.connected
	return r, r.splitTarget()
}

func cutLine(view []byte) (line, rest []byte, ok bool) {
	end := bytes.IndexByte(view, '\n')
	if end < 1 || view[end-1] != '\r' {
		return nil, view, false
	}
	return view[:end-1], view[end+1:], true
}

func (r *Request) parseLine(line []byte) *Refusal {
	first, last := bytes.IndexByte(line, ' '), bytes.LastIndexByte(line, ' ')
	if first < 1 || last <= first+1 {
		return refuseRequestLine
	}
	r.Method, r.Target = line[:first], line[first+1:last]
	if !isToken(r.Method) {
		return refuseRequestLine
	}
	for _, c := range r.Target {
		if c <= ' ' || c >= 0x7F || c == '#' {
			return refuseTarget
		}
	}
	version := line[last+1:]
	switch string(version) {
	case "HTTP/1.1":
		r.http11 = true
	case "HTTP/1.0":
	default:
		return refuseProtocol(version)
	}
	return nil
}

func refuseProtocol(version []byte) *Refusal {
	number, ok := bytes.CutPrefix(version, []byte("HTTP/"))
	if ok && len(number) == 3 && isDigit(number[0]) && number[1] == '.' && isDigit(number[2]) {
		return refuseHTTPVersion
	}
	return refuseRequestLine
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func (r *Request) parseField(line []byte) *Refusal {
	colon := bytes.IndexByte(line, ':')
	if colon < 1 || !isToken(line[:colon]) {
		return refuseFieldLine
	}
	value := trim(line[colon+1:])
	if !isPrintable(value) {
		return refuseFieldValue
	}
	field := fieldNamed(line[:colon])
	if field == 0 {
		return nil
	}
	if r.seen&field&fieldsOnce != 0 {
		return refuseDuplicate
	}
	r.seen |= field
	return r.note(field, value)
}

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

func (r *Request) note(field fieldSet, value []byte) *Refusal {
	switch field {
	case fieldHost:
		if !consistsOf(value, &hostChars) {
			return refuseHost
		}
		r.Host = value
	case fieldOrigin:
		r.Origin = value
	case fieldUpgrade:
		r.upgrade = r.upgrade || listHas(value, "websocket")
	case fieldConnection:
		r.connected = r.connected || listHas(value, "upgrade")
	case fieldContentLength:
		for _, c := range value {
			if !isDigit(c) {
				return refuseLengths
			}
			r.body = r.body || c != '0'
		}
		if len(value) == 0 {
			return refuseLengths
		}
	case fieldTransferEncoding:
		r.body = true
	case fieldKey:
		r.key = value
	case fieldVersion:
		r.version = value
	}
	return nil
}

// splitTarget finds the path in the target, and the authority if the target is absolute, which then stands before the Host
// field (RFC 9112 section 3.2.2).
func (r *Request) splitTarget() *Refusal {
	path := r.Target
	if path[0] != '/' && bytes.Contains(path, []byte("://")) {
		scheme := bytes.IndexByte(path, ':')
		if !equalFold(path[:scheme], "http") && !equalFold(path[:scheme], "https") {
			return refuseTarget
		}
		authority := path[scheme+len("://"):]
		path = slash
		if end := bytes.IndexAny(authority, "/?"); end >= 0 {
			authority, path = authority[:end], authority[end:]
		}
		if len(authority) == 0 || !consistsOf(authority, &hostChars) {
			return refuseTarget
		}
		r.Host = authority
	}
	r.Path, r.Query, _ = bytes.Cut(path, question)
	if len(r.Path) == 0 {
		r.Path = slash
	}
	return nil
}

var (
	slash    = []byte{'/'}
	question = []byte{'?'}
)
