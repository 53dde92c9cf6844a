package main

import (
	"strings"
	"testing"
)

func TestFlagsOfTLSThatMakeNoSenseAreReported(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	certificate, key := a.issue(t, []string{"hub.example"}, nil).files(t)
	other, otherKey := a.issue(t, []string{"other.example"}, nil).files(t)
	for name, c := range map[string]struct {
		arguments []string
		says      string
	}{
		"a key alone":                         {[]string{"--tls-key=" + key}, "--tls-key: the certificate of the key is missing"},
		"a certificate alone":                 {[]string{"--tls-cert=" + certificate}, "--tls-cert: " + certificate + ": the key of the certificate (hub.example) is in none of the files"},
		"another's key":                       {[]string{"--tls-cert=" + certificate, "--tls-key=" + otherKey}, "--tls-key: " + otherKey + ": the key does not belong to the certificate in " + certificate + " (hub.example)"},
		"a key too many":                      {[]string{"--tls-cert=" + certificate, "--tls-key=" + otherKey, "--tls-key=" + key}, "--tls-key: " + otherKey + ": the key belongs to none"},
		"a version that is too low":           {[]string{"--tls-cert=" + certificate, "--tls-key=" + key, "--tls-min=1.1"}, `--tls-min: want one of 1.2, 1.3, and got "1.1"`},
		"authorities without TLS":             {[]string{"--tls-client-ca=" + a.file}, "--tls-client-ca: no address of --listen asks"},
		"authorities for plain addresses":     {[]string{"--listen=127.0.0.1:0,plain", "--tls-cert=" + certificate, "--tls-key=" + key, "--tls-client-ca=" + a.file}, "--tls-client-ca: no address"},
		"a user of no certificate":            {[]string{"--tls-client-user=uri"}, "--tls-client-user: it needs --tls-client-ca"},
		"TLS without a certificate":           {[]string{"--listen=127.0.0.1:0,tls"}, "there is no certificate: give one with --tls-cert"},
		"TLS that is plain":                   {[]string{"--listen=127.0.0.1:0,tls,plain"}, "tls and plain exclude each other"},
		"plain with a certificate":            {[]string{"--listen=127.0.0.1:0,plain,tls-cert=" + certificate}, "plain has no use for the other options"},
		"an address with a key alone":         {[]string{"--listen=127.0.0.1:0,tls-key=" + key}, "tls-key: the certificate of the key is missing"},
		"an address with a file that is gone": {[]string{"--listen=127.0.0.1:0,tls-cert=/none.pem"}, "--listen: 127.0.0.1:0: tls-cert: /none.pem: there is no such file"},
		"an address with a version":           {[]string{"--listen=127.0.0.1:0,tls-min=1.3"}, "tls-min: the address speaks no TLS"},
		"an address with authorities":         {[]string{"--listen=127.0.0.1:0,tls-client-ca=" + a.file}, "tls-client-ca: the address speaks no TLS"},
		"an address with a bad version":       {[]string{"--listen=127.0.0.1:0,tls-min=1.1"}, "want one of 1.2, 1.3"},
		"a file that is named by nothing":     {[]string{"--listen=127.0.0.1:0,tls-cert="}, "tls-cert: the name of a file is missing"},
		"an empty certificate":                {[]string{"--tls-cert="}, "--tls-cert: the value is empty"},
		"the key in the certificate's place":  {[]string{"--tls-cert=" + key, "--tls-key=" + key}, "--tls-cert: " + key + ": the file has a private key and no certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, command := range [][]string{{"serve"}, {"config", "check"}} {
				arguments := append(command, "--admin=")
				if !strings.Contains(strings.Join(c.arguments, " "), "--listen") {
					arguments = append(arguments, "--listen=127.0.0.1:0")
				}
				_, stderr, code := runBinary(t, nil, append(arguments, c.arguments...)...)
				if code != exitUsage || !strings.Contains(stderr, c.says) || strings.Count(stderr, "\n") != 1 {
					t.Errorf("%v: got %d and %q, want %d and one line with %q", command, code, stderr, exitUsage, c.says)
				}
			}
		})
	}
	stdout, stderr, code := runBinary(t, []string{"SPOKEHUB_TLS_CERT=" + certificate + "," + other, "SPOKEHUB_TLS_KEY=" + otherKey + "," + key}, "config", "check")
	if code != exitOK {
		t.Errorf("got %d, %q and %q for variables with two of each, want 0", code, stdout, stderr)
	}
}

func TestMistakesInCertificatesNameTheLineOfTheFile(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	certificate, _ := a.issue(t, []string{"hub.example"}, nil).files(t)
	name := writeConfig(t, "relay: true\ntls-cert: "+certificate+"\ntls-key: /none.key\n")
	_, stderr, code := runBinary(t, nil, "config", "check", name)
	if want := "--tls-key: /none.key: there is no such file (set by " + name + ":3)"; code != exitUsage || !strings.Contains(stderr, want) {
		t.Errorf("got %d and %q, want %q", code, stderr, want)
	}
	name = writeConfig(t, "tls-cert: /none.pem\ntls-key: /none.key\ntls-client-ca: /none-ca.pem\njwt-key: /none.pub\n")
	if _, stderr, _ := runBinary(t, nil, "config", "check", name); strings.Count(stderr, "there is no such file (set by "+name+":") != 4 {
		t.Errorf("got %q, want a line for each file", stderr)
	}
	name = writeConfig(t, "listen:\n  - address: ':0'\n    tls-cert: [a, b,c.pem]\n    tls-key: {}\n")
	if _, stderr, _ := runBinary(t, nil, "config", "check", name); !strings.Contains(stderr, name+":4: listen: tls-key: want one value, and got keys with values") {
		t.Errorf("got %q, want the line of the key", stderr)
	}
	name = writeConfig(t, "listen:\n  - address: ':0'\n    tls-cert: ['a,b.pem']\n")
	if _, stderr, _ := runBinary(t, nil, "config", "check", name); !strings.Contains(stderr, ":3: listen: tls-cert: \"a,b.pem\": a comma") {
		t.Errorf("got %q, want a word about the comma", stderr)
	}
}

func TestWhatAddressesOfTLSDoInVainIsWarnedOf(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	certificate, key := a.issue(t, []string{"hub.example"}, nil).files(t)
	for name, c := range map[string]struct {
		arguments []string
		says      string
	}{
		"a certificate for nobody":        {[]string{"--listen=127.0.0.1:0,plain"}, "warning: --tls-cert: it does nothing"},
		"a version for nobody":            {[]string{"--listen=127.0.0.1:0,plain", "--tls-min=1.3"}, "warning: --tls-min: it does nothing"},
		"a version that others replace":   {[]string{"--listen=127.0.0.1:0,tls-min=1.2", "--tls-min=1.3"}, "warning: --tls-min: it does nothing"},
		"a version without a warning":     {[]string{"--listen=127.0.0.1:0", "--listen=127.0.0.1:0,plain", "--tls-min=1.3"}, "the configuration is ok"},
		"certificates that may all":       {[]string{"--listen=127.0.0.1:0", "--tls-client-ca=" + a.file}, "a client with a certificate may publish to every topic"},
		"an address that lets nobody in":  {[]string{"--listen=127.0.0.1:0", "--listen=127.0.0.1:0,plain", "--tls-client-ca=" + a.file}, "nobody can connect there"},
		"a Unix socket without a warning": {[]string{"--listen=127.0.0.1:0", "--listen=unix:/a"}, "is ok"},
	} {
		stdout, stderr, code := runBinary(t, nil, append([]string{"config", "check", "--tls-cert=" + certificate, "--tls-key=" + key}, c.arguments...)...)
		if code != exitOK || !strings.Contains(stdout, c.says) {
			t.Errorf("%s: got %d, %q and %q, want %q", name, code, stdout, stderr, c.says)
		}
	}
}
