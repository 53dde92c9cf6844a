package main

import (
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
)

// bodyKind is how the events of a body are told apart.
type bodyKind int

const (
	// kindLines is one event per line.
	kindLines bodyKind = iota
	// kindForm is the same with the content type of a form, which curl sends if it isn't told another.
	kindForm
	// kindJSON is one event, or an array of events.
	kindJSON
)

// acceptedTypes is the Accept field of a 415.
const acceptedTypes = "application/x-ndjson, application/json, text/plain"

var bodyKinds = map[string]bodyKind{
	"":                                  kindLines,
	"application/x-ndjson":              kindLines,
	"application/ndjson":                kindLines,
	"application/jsonl":                 kindLines,
	"application/x-jsonl":               kindLines,
	"application/jsonlines":             kindLines,
	"application/x-jsonlines":           kindLines,
	"application/octet-stream":          kindLines,
	"text/plain":                        kindLines,
	"application/x-www-form-urlencoded": kindForm,
	"application/json":                  kindJSON,
	"text/json":                         kindJSON,
}

// bodyKindOf reads Content-Type and Content-Encoding. The error says what is accepted.
func bodyKindOf(header http.Header) (kind bodyKind, encoded bool, err error) {
	encoded, err = isEncoded(header.Values("Content-Encoding"))
	if err != nil {
		return 0, false, err
	}
	contentType := header.Get("Content-Type")
	mediaType, parameters, parseErr := mime.ParseMediaType(contentType)
	if contentType != "" && mediaType == "" {
		return 0, false, fmt.Errorf("Content-Type: %q can't be read (%v): send application/x-ndjson for one event per line, or application/json", contentType, parseErr)
	}
	kind, known := bodyKinds[mediaType]
	switch {
	case strings.HasPrefix(mediaType, "multipart/"):
		return 0, false, fmt.Errorf("Content-Type: %s isn't read: send the events themselves as the body (curl --data-binary @file, not -F)", mediaType)
	case !known:
		return 0, false, fmt.Errorf("Content-Type: %s isn't read: send application/x-ndjson for one event per line, or application/json", mediaType)
	}
	charset := strings.ToLower(parameters["charset"])
	if !slices.Contains([]string{"", "utf-8", "utf8", "us-ascii", "ascii"}, charset) {
		return 0, false, fmt.Errorf("Content-Type: charset %s isn't read: send UTF-8", charset)
	}
	return kind, encoded, nil
}

// isEncoded reports whether a body is compressed with gzip.
func isEncoded(codings []string) (bool, error) {
	var applied []string
	for _, coding := range strings.Split(strings.Join(codings, ","), ",") {
		coding = strings.ToLower(strings.TrimSpace(coding))
		if coding != "" && coding != "identity" {
			applied = append(applied, coding)
		}
	}
	switch {
	case len(applied) == 0:
		return false, nil
	case len(applied) == 1 && (applied[0] == "gzip" || applied[0] == "x-gzip"):
		return true, nil
	}
	return false, fmt.Errorf("Content-Encoding: %s isn't read: send gzip once, or nothing", strings.Join(applied, ", "))
}
