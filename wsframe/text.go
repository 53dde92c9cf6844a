package wsframe

import "unicode/utf8"

// incompleteTail returns how many bytes at the end of view begin a UTF-8 sequence that later bytes may still make valid:
// 0 to 3. What can't become valid any more doesn't count, and utf8.Valid finds it.
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
