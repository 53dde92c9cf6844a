package main

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

const (
	// maxPublishKey is the length of the longest Idempotency-Key: the key of an event, which is longer, has to be one for the hub.
	maxPublishKey = 200
	// maxKeyedEvents is how many events a body with an Idempotency-Key may have: a stream remembers no more keys, so that a repeat of a
	// longer body would publish events twice.
	maxKeyedEvents = 16384
)

// publishKey reads the field Idempotency-Key: a string in quotes, as the field is defined, or the key as it is. It is "" without the field.
func publishKey(header http.Header) (string, error) {
	values := header.Values("Idempotency-Key")
	if len(values) == 0 {
		return "", nil
	}
	key := strings.TrimSpace(values[0])
	var err error
	if strings.HasPrefix(key, `"`) {
		key, err = unquotedKey(key)
	}
	isStrange := func(r rune) bool { return r < ' ' || r > '~' }
	switch {
	case len(values) > 1:
		return "", fmt.Errorf("Idempotency-Key: the request has it %d times: send one", len(values))
	case err != nil:
		return "", fmt.Errorf("Idempotency-Key: %w", err)
	case key == "":
		return "", errors.New("Idempotency-Key: the key is empty: leave out the field, or send a text that is new for every request, such as a UUID")
	case len(key) > maxPublishKey:
		return "", fmt.Errorf("Idempotency-Key: the key has %d bytes, more than %d: send a shorter one, such as a UUID", len(key), maxPublishKey)
	case strings.ContainsFunc(key, isStrange):
		return "", errors.New("Idempotency-Key: the key has characters other than those of ASCII that are printed: send a text such as a UUID")
	}
	return key, nil
}

// unquotedKey reads a string of a structured field (RFC 9651), which begins with a quote: in it a backslash stands ahead of quotes and
// backslashes, and nothing stands behind it.
func unquotedKey(text string) (string, error) {
	var key strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"' && i == len(text)-1:
			return key.String(), nil
		case c == '"':
			return "", errors.New("there is something behind the closing quote: send one string alone")
		case c == '\\' && (i == len(text)-1 || text[i+1] != '"' && text[i+1] != '\\'):
			return "", errors.New("a backslash stands ahead of something other than a quote or a backslash")
		case c == '\\':
			i++
		}
		key.WriteByte(text[i])
	}
	return "", errors.New("the closing quote is missing")
}

// keyOf is the key of an event: that of the request, and which of its lines or elements the event is. So a request that is repeated repeats
// each of its events, and no event has the key of one of another request.
func (run *publishRun) keyOf(at publishError) (string, error) {
	if run.key == "" {
		return "", nil
	}
	number := at.Line + at.Element
	if number > maxKeyedEvents {
		return "", fmt.Errorf("with Idempotency-Key a body may have %d events: send the others in another one, with another key", maxKeyedEvents)
	}
	return run.key + "#" + strconv.Itoa(number), nil
}
