package event

const (
	maxPart    = 256
	maxNesting = 512
	reserved   = "__"
)

type text interface{ ~string | ~[]byte }

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

// isControl reports whether c ends a control character of valid UTF-8 whose byte before c is last: C0 and DEL are one
// byte, C1 is C2 80 to C2 9F.
func isControl(last, c byte) bool {
	return c < ' ' || c == 0x7f || last == 0xc2 && c < 0xa0
}
