package redis

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// mode is how the servers of Redis are organised.
type mode uint8

const (
	alone mode = iota
	sentinels
	clustered
)

// target is what a URL says.
type target struct {
	mode      mode
	addresses []string
	login     login
	sentinel  login
	master    string
	db        int
	tls       bool
}

// login is a name and a password. It is never printed.
type login struct{ user, password string }

var schemes = map[string]target{
	"redis":          {mode: alone},
	"rediss":         {mode: alone, tls: true},
	"redis-sentinel": {mode: sentinels},
	"redis-cluster":  {mode: clustered},
}

// parseURL reads a URL. Its errors name the part that is wrong, and have nothing that could be a password: not even the text of the URL.
func parseURL(text string) (target, error) {
	scheme, rest, found := strings.Cut(text, "://")
	t, known := schemes[strings.ToLower(scheme)]
	if !found || !known {
		return target{}, errors.New("the URL of Redis begins with none of redis://, rediss://, redis-sentinel:// and redis-cluster://")
	}
	rest, query, _ := strings.Cut(rest, "?")
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		var err error
		if t.login, err = parseLogin(rest[:at]); err != nil {
			return target{}, err
		}
		rest = rest[at+1:]
	}
	hosts, path, _ := strings.Cut(rest, "/")
	if err := t.setHosts(hosts); err != nil {
		return target{}, err
	}
	if err := t.setPath(path); err != nil {
		return target{}, err
	}
	return t, t.setQuery(query)
}

func parseLogin(text string) (login, error) {
	user, password, found := strings.Cut(text, ":")
	var l login
	var errUser, errPassword error
	l.user, errUser = url.PathUnescape(user)
	l.password, errPassword = url.PathUnescape(password)
	switch {
	case errUser != nil || errPassword != nil:
		return login{}, errors.New("the user or the password in the URL of Redis has a % that begins no escape: write it as %25")
	case !found && user != "":
		return login{}, errors.New("the URL of Redis has a user without a password: write user:password@, or :password@ for the default user")
	case strings.Contains(text, "/"):
		return login{}, errors.New("the user or the password in the URL of Redis has a /: write it as %2F")
	}
	return l, nil
}

func (t *target) setHosts(hosts string) error {
	port := "6379"
	if t.mode == sentinels {
		port = "26379"
	}
	for i, host := range strings.Split(hosts, ",") {
		address, err := withPort(host, port)
		if err != nil {
			return fmt.Errorf("host %d in the URL of Redis: %w", i+1, err)
		}
		t.addresses = append(t.addresses, address)
	}
	if t.mode == alone && len(t.addresses) > 1 {
		return errors.New("the URL of Redis has several hosts: want one, or redis-cluster:// or redis-sentinel:// at the beginning")
	}
	return nil
}

// withPort makes an address of a host that may have no port.
func withPort(host, port string) (string, error) {
	switch {
	case host == "":
		return "", errors.New("it is empty: want a name or an address")
	case strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]"):
		return net.JoinHostPort(host[1:len(host)-1], port), nil
	case !strings.Contains(host, ":"):
		return net.JoinHostPort(host, port), nil
	}
	name, number, err := net.SplitHostPort(host)
	if err != nil {
		return "", errors.New("want host:port, and brackets around an IPv6 address")
	}
	if n, err := strconv.ParseUint(number, 10, 16); err != nil || n == 0 {
		return "", errors.New("the port is not a number from 1 to 65535")
	}
	if name == "" {
		return "", errors.New("there is a port without a host")
	}
	return host, nil
}

func (t *target) setPath(path string) (err error) {
	switch {
	case t.mode == sentinels:
		t.master, err = url.PathUnescape(path)
		if err != nil || t.master == "" || strings.Contains(t.master, "/") {
			return errors.New("the URL of Redis has no name of a master behind the sentinels: want redis-sentinel://host:port/mymaster")
		}
	case t.mode == clustered:
		if path != "" && path != "0" {
			return errors.New("the URL of a Redis cluster has a database: clusters have the database 0 alone, so leave it out")
		}
	case path != "":
		return t.setDB(path)
	}
	return nil
}

func (t *target) setDB(text string) error {
	db, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return errors.New("the database in the URL of Redis is not a whole number such as 0")
	}
	t.db = int(db)
	return nil
}

func (t *target) setQuery(text string) error {
	values, err := url.ParseQuery(text)
	if err != nil {
		return errors.New("the part behind ? in the URL of Redis is malformed")
	}
	for name, value := range values {
		switch {
		case name == "tls" && (value[0] == "true" || value[0] == "false"):
			t.tls = value[0] == "true" || t.tls
		case name == "db" && t.mode == sentinels:
			if err := t.setDB(value[0]); err != nil {
				return err
			}
		case name == "sentinel-user" && t.mode == sentinels:
			t.sentinel.user = value[0]
		case name == "sentinel-password" && t.mode == sentinels:
			t.sentinel.password = value[0]
		default:
			return fmt.Errorf("parameter %d letters long in the URL of Redis is unknown, or has a value that it can't have: there are tls=true and, of sentinels, sentinel-user, sentinel-password and db", len(name))
		}
	}
	return nil
}
