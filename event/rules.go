package event

const (
	// maxPart is the length of the longest type and of the longest id, in bytes.
	maxPart = 256
	// maxNesting is how deep objects and arrays may nest, counting the envelope.
	maxNesting = 512
	// reserved begins the types of control events.
	reserved = "__"
)

type text interface{ ~string | ~[]byte }

// typeFault checks a type but for being UTF-8 and reserved.
func typeFault[T text](t T) Fault {
	if len(t) == 0 || len(t) > maxPart {
		return FaultTypeLength
	}
	var last byte
	for i := range len(t) {
		c := t[i]
		if c == ':' {
			return FaultTypeColon
		}
		if isControl(last, c) {
			return FaultTypeControl
		}
		last = c
	}
	return 0
}

// idFault checks an id but for being UTF-8.
func idFault[T text](id T) Fault {
	if len(id) > maxPart {
		return FaultIDLength
	}
	var last byte
	for i := range len(id) {
		c := id[i]
		if isControl(last, c) {
			return FaultIDControl
		}
		last = c
	}
	return 0
}

func isReserved[T text](t T) bool {
	return len(t) >= len(reserved) && string(t[:len(reserved)]) == reserved
}

// isControl reports whether c ends a control character of valid UTF-8, where last is the byte before c. C0 and DEL are one
// byte; C1 is C2 80 to C2 9F.
func isControl(last, c byte) bool {
	return c < ' ' || c == 0x7f || last == 0xc2 && c < 0xa0
}
