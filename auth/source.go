package auth

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/spokehub/spokehub/fanout"
)

// bearerPrefix begins a subprotocol that is a token.
const bearerPrefix = "bearer."

var (
	errNoToken   = errors.New("no token: send Authorization: Bearer TOKEN, or offer the subprotocols spokehub.v1 and bearer.TOKEN")
	errAnyOrigin = errors.New("a token in a cookie is not accepted while pages of any origin may connect")
	errTwoTokens = errors.New("more than one token: send one, in one place")
)

// findToken returns the token of a handshake, or "" if there is none. Where one is malformed or there are several, it is
// an error: whom the client means must never depend on the order in which places are looked at.
func (c *Config) findToken(h *fanout.Handshake) (string, error) {
	found, err := headerTokens(h.Request.Header)
	if err != nil {
		return "", err
	}
	offered, err := subprotocolTokens(h.Subprotocols)
	if err != nil {
		return "", err
	}
	found = append(found, offered...)
	if c.Cookie != "" {
		kept := cookieTokens(h.Request, c.Cookie)
		if len(kept) > 0 && h.AnyOrigin && h.Request.Header.Get("Origin") != "" {
			return "", errAnyOrigin
		}
		found = append(found, kept...)
	}
	if c.Query != "" {
		asked, err := queryTokens(h.Request, c.Query)
		if err != nil {
			return "", err
		}
		found = append(found, asked...)
	}
	switch {
	case len(found) == 0:
		return "", nil
	case len(found) > 1:
		return "", errTwoTokens
	case found[0] == "":
		return "", errors.New("the token is empty")
	}
	return found[0], nil
}

// headerTokens are those of Authorization. Another scheme than Bearer is meant for somebody else, such as a proxy.
func headerTokens(header http.Header) ([]string, error) {
	var found []string
	for _, value := range header["Authorization"] {
		scheme, token, _ := strings.Cut(strings.TrimSpace(value), " ")
		if !strings.EqualFold(scheme, "Bearer") {
			continue
		}
		token = strings.TrimLeft(token, " ")
		if strings.ContainsAny(token, " ,\t") {
			return nil, errors.New("the header Authorization is malformed: want Bearer TOKEN")
		}
		found = append(found, token)
	}
	return found, nil
}

// subprotocolTokens are those among the offers. Browsers drop a connection whose answer has none of the subprotocols that they
// offered, and a token is never answered: so there has to be another.
func subprotocolTokens(offers []string) ([]string, error) {
	var found []string
	for _, offer := range offers {
		if token, isToken := strings.CutPrefix(offer, bearerPrefix); isToken {
			found = append(found, token)
		}
	}
	if len(found) > 0 && len(found) == len(offers) {
		return nil, fmt.Errorf("the token is the only subprotocol: offer %s beside %sTOKEN", Subprotocol, bearerPrefix)
	}
	return found, nil
}

// cookieTokens are the cookies of that name. An empty one is what a page leaves whose user has signed out.
func cookieTokens(r *http.Request, name string) []string {
	var found []string
	for _, cookie := range r.CookiesNamed(name) {
		if cookie.Value != "" {
			found = append(found, cookie.Value)
		}
	}
	return found
}

func queryTokens(r *http.Request, name string) ([]string, error) {
	if r.URL == nil || r.URL.RawQuery == "" {
		return nil, nil
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, errors.New("the query is malformed")
	}
	return values[name], nil
}
