package event

// firstMember returns the index of the first member of the valid JSON object b, -1 if there is none.
func firstMember(b []byte) int {
	at := space(b, space(b, 0)+1)
	if b[at] == '}' {
		return -1
	}
	return at
}

// member returns the raw name at index at of the valid JSON object b and the index of its value.
func member(b []byte, at int) (name []byte, value int) {
	end := skipText(b, at)
	return b[at:end], space(b, space(b, end)+1)
}

// nextMember returns the index of the member after the value that ends at end, -1 if there is none.
func nextMember(b []byte, end int) int {
	end = space(b, end)
	if b[end] == '}' {
		return -1
	}
	return space(b, end+1)
}

// skipValue returns the index after the value at i of valid JSON.
func skipValue(b []byte, i int) int {
	switch b[i] {
	case '"':
		return skipText(b, i)
	case '{', '[':
		return skipNested(b, i)
	}
	for i < len(b) && b[i] > ' ' && b[i] != ',' && b[i] != ']' && b[i] != '}' {
		i++
	}
	return i
}

// skipNested returns the index after the object or array at i.
func skipNested(b []byte, i int) int {
	for depth := 0; i < len(b); {
		switch b[i] {
		case '"':
			i = skipText(b, i)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		i++
		if depth == 0 {
			return i
		}
	}
	return i
}

// skipText returns the index after the string that begins at i, len(b) if it doesn't end.
func skipText(b []byte, i int) int {
	i++
	for i < len(b) {
		i, _ = plainEnd(b, i)
		if i == len(b) {
			break
		}
		switch b[i] {
		case '"':
			return i + 1
		case '\\':
			i += 2
		default:
			i++
		}
	}
	return len(b)
}
