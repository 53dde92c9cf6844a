package wsframe

import "unicode/utf8"

// incompleteTail returns how many bytes at the end of view are the beginning of a UTF-8 sequence that is valid so far: 0 to 3.
// Bytes that can't become valid don't count; utf8.Valid finds them.
func incompleteTail(view []byte) int {
	for n := 1; n <= min(utf8.UTFMax-1, len(view)); n++ {
		tail := view[len(view)-n:]
		if !utf8.RuneStart(tail[0]) {
			continue
		}
		if utf8.FullRune(tail) {
			return 0
		}
		return n
	}
	return 0
}
