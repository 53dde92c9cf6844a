package netpoll

// recordBounds follows the bounds of TLS records in what a connection sends, of which it knows the headers alone (RFC 8446, section 5.1).
// It belongs to a tlsSession.
type recordBounds struct {
	// left is how much is missing of the record under way, got how much of its header has come if that is not complete.
	left int
	head [recordHeader]byte
	got  uint8
	// whole is how many records have come to their end since it was set to 0.
	whole int
	// longest is how long the longest record was.
	longest int
	// shaken is how many bytes the handshake took.
	shaken int
}

// take says how many bytes of view come next, at most room: the rest of the record under way, and behind it records that are there
// whole and for which there is room; or what there is of one.
func (b *recordBounds) take(view []byte, room int) (n int) {
	room = min(room, len(view))
	if b.left > 0 || b.got > 0 {
		n = b.goOn(view[:room])
		if b.left > 0 || b.got > 0 {
			return n
		}
	}
	for room-n >= recordHeader {
		size := recordHeader + bodyOf(view[n:])
		if size > room-n {
			break
		}
		b.longest = max(b.longest, size)
		b.whole++
		n += size
	}
	if n == 0 {
		n = b.goOn(view[:room])
	}
	return n
}

// pass follows bytes that have gone by.
func (b *recordBounds) pass(view []byte) {
	for len(view) > 0 {
		view = view[b.goOn(view):]
	}
}

// goOn takes what there is of one record, and says how much that is.
func (b *recordBounds) goOn(view []byte) (n int) {
	if b.left == 0 {
		n = copy(b.head[b.got:], view)
		b.got += uint8(n)
		if b.got < recordHeader {
			return n
		}
		b.got = 0
		b.left = bodyOf(b.head[:])
		b.longest = max(b.longest, recordHeader+b.left)
		view = view[n:]
	}
	body := min(b.left, len(view))
	b.left -= body
	if b.left == 0 {
		b.whole++
	}
	return n + body
}

// bodyOf is the length of a record's body, as its header says.
func bodyOf(header []byte) int { return int(header[3])<<8 | int(header[4]) }
