package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// listenTLS are the options of one value of --listen that are about TLS.
type listenTLS struct {
	// isOn and isPlain say so whatever the flags of all addresses say.
	isOn, isPlain bool
	// minVersion and the files stand in place of the flags for all addresses, where there are any.
	minVersion             string
	certs, keys, clientCAs []string
}

// listenOptions are the names of the options of --listen.
var listenOptions = []string{"proxy-protocol", "mode", "tls", "plain", "tls-cert", "tls-key", "tls-min", "tls-client-ca"}

// tlsVersions are the values of --tls-min.
var tlsVersions = []string{"1.2", "1.3"}

// set reads one option. It reports false for one that is not about TLS.
func (l *listenTLS) set(name, value string, hasValue bool) (isKnown bool, err error) {
	switch name {
	case "tls", "plain":
		on, err := strconv.ParseBool(value)
		if hasValue && err != nil {
			return true, fmt.Errorf("%s: want true or false, and got %q", name, value)
		}
		on = on || !hasValue
		l.isOn, l.isPlain = l.isOn || on == (name == "tls"), l.isPlain || on == (name == "plain")
		return true, nil
	case "tls-min":
		if !slices.Contains(tlsVersions, value) {
			return true, fmt.Errorf("tls-min: want one of %s, and got %q", strings.Join(tlsVersions, ", "), value)
		}
		l.minVersion = value
		return true, nil
	}
	for _, files := range []struct {
		option string
		names  *[]string
	}{{"tls-cert", &l.certs}, {"tls-key", &l.keys}, {"tls-client-ca", &l.clientCAs}} {
		if name == files.option {
			if value == "" {
				return true, fmt.Errorf("%s: the name of a file is missing", name)
			}
			*files.names = append(*files.names, value)
			return true, nil
		}
	}
	return false, nil
}

// check says which options don't go together.
func (l *listenTLS) check() error {
	switch {
	case l.isOn && l.isPlain:
		return errors.New("tls and plain exclude each other")
	case l.isPlain && (len(l.certs)+len(l.keys)+len(l.clientCAs) > 0 || l.minVersion != ""):
		return errors.New("plain has no use for the other options of TLS: leave out the one or the others")
	case len(l.keys) > 0 && len(l.certs) == 0:
		return errors.New("tls-key: the certificate of the key is missing: give it with tls-cert, as an option of the same address")
	}
	return nil
}
