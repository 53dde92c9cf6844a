package wsframe

import "bytes"

// Glance reads path, Host and Origin in what has arrived of a request that was refused unread: a head that is malformed, too long or not
// complete. It is for log lines and decides nothing. What it can't find is empty; of fields that are repeated it has the first, and of
// the target neither query nor fragment nor user, which may hold secrets. It changes nothing and allocates nothing.
func Glance(head []byte) (r Request) {
	line, rest, _ := bytes.Cut(bytes.TrimLeft(head, "\r\n"), lineFeed)
	method, target, _ := bytes.Cut(bytes.TrimSuffix(line, carriageReturn), space)
	if !isToken(method) {
		return r
	}
	if end := bytes.IndexAny(target, " ?#\t"); end >= 0 {
		target = target[:end]
	}
	if len(target) > 0 && target[0] == '/' {
		r.Path = target
	}
	for {
		line, behind, isWhole := bytes.Cut(rest, lineFeed)
		if line = bytes.TrimSuffix(line, carriageReturn); !isWhole || len(line) == 0 {
			return r
		}
		name, value, _ := bytes.Cut(line, colon)
		switch field := fieldNamed(name); {
		case field == fieldHost && r.Host == nil:
			r.Host = trim(value)
		case field == fieldOrigin && r.Origin == nil:
			r.Origin = trim(value)
		}
		rest = behind
	}
}

var (
	space          = []byte{' '}
	carriageReturn = []byte{'\r'}
)
