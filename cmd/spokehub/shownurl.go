package main

import (
	"errors"
	"net/url"
	"regexp"
	"strings"
)

// urlHead is how a URL begins.
var urlHead = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`)

// nextURL is where another URL of a list begins.
var nextURL = regexp.MustCompile(`,[A-Za-z][A-Za-z0-9+.-]*://`)

// withoutPassword is a text without what may be a password in it, if it is a URL, or several with commas between. It does not parse them: passwords with odd
// characters are those which a parser takes for something else.
func withoutPassword(text string) string {
	if !urlHead.MatchString(text) {
		return text
	}
	var shown []string
	for text != "" {
		end := len(text)
		if next := nextURL.FindStringIndex(text); next != nil {
			end = next[0]
		}
		one, rest := text[:end], strings.TrimPrefix(text[end:], ",")
		shown = append(shown, serverWithoutPassword(one, strings.Contains(rest, "@")))
		text = rest
	}
	return strings.Join(shown, ",")
}

// serverWithoutPassword is a URL without the user, the query and the fragment. Behind the user stand the servers alone. Where it may be the beginning of a
// password with a comma, or a ? ahead of an @ is in it, it is the scheme alone.
func serverWithoutPassword(text string, mayGoOn bool) string {
	scheme := urlHead.FindString(text)
	rest := text[len(scheme):]
	at, query := strings.LastIndexByte(rest, '@'), strings.IndexByte(rest, '?')
	switch {
	case at < 0 && mayGoOn, query >= 0 && query < at:
		return scheme + "REDACTED"
	case at >= 0:
		rest = rest[at+1:]
		if end := strings.IndexAny(rest, "/?#"); end >= 0 {
			rest = rest[:end]
		}
		return scheme + "REDACTED@" + rest
	}
	if end := strings.IndexAny(rest, "?#"); end >= 0 && end+1 < len(rest) {
		return scheme + rest[:end+1] + "REDACTED"
	}
	return text
}

// shownURL is the URL of the broker without its password, also where its scheme was forgotten.
func (f brokerFlags) shownURL() string {
	if at := strings.LastIndexByte(f.BrokerURL, '@'); at >= 0 && !urlHead.MatchString(f.BrokerURL) {
		return "REDACTED" + f.BrokerURL[at:]
	}
	return withoutPassword(f.BrokerURL)
}

// withoutURL takes the URL, which may have a password, out of an error that package url or net/http has made of it.
func withoutURL(err error) error {
	if of, found := errors.AsType[*url.Error](err); found {
		return of.Err
	}
	return err
}
