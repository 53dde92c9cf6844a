package main

import (
	"strings"
	"testing"
)

func TestFlagsOfTheBrokerThatMakeNoSenseAreReported(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		arguments []string
		says      string
	}{
		"no scheme":                  {[]string{"--broker=127.0.0.1:4222"}, `--broker: "127.0.0.1:4222" is no URL of a broker: want nats://HOST:PORT`},
		"another scheme":             {[]string{"--broker=kafka://user:secret@host:1"}, `--broker: "kafka://REDACTED@host:1" is no URL of a broker`},
		"a scheme that is forgotten": {[]string{"--broker=user:secret@host:1"}, `--broker: "REDACTED@host:1" is no URL of a broker`},
		"several of another scheme":  {[]string{"--broker=kafka://user:secret@host:1,host:2"}, `--broker: "kafka://REDACTED@host:1,host:2" is no URL of a broker`},
		"sentinels without a name":   {[]string{"--broker=redis-sentinel://user:secret@host:1"}, "--broker: "},
		"a port that is none":        {[]string{"--broker=redis://user:secret@host:port"}, "--broker: "},
		"NATS with a port of none":   {[]string{"--broker=nats://user:secret@host:port"}, "--broker: "},
		"a prefix with a dot":        {[]string{"--broker=nats://host:1", "--broker-prefix=a b"}, "--broker: "},
		"a certificate alone":        {[]string{"--broker=tls://host:1", "--broker-cert=c.pem"}, "--broker-cert and --broker-key: one does not do without the other"},
		"authorities that are gone":  {[]string{"--broker=tls://host:1", "--broker-ca=/none.pem"}, "--broker-ca: /none.pem"},
		"authorities and no broker":  {[]string{"--broker-ca=/none.pem"}, "--broker-ca: there is no --broker"},
		"a node and no broker":       {[]string{"--node=a"}, "--node: there is no --broker"},
		"too many replicas for NATS": {[]string{"--broker=nats://host:1", "--broker-replicas=7"}, "--broker: "},
	} {
		t.Run(name, func(t *testing.T) {
			for _, command := range [][]string{{"serve"}, {"config", "check"}} {
				_, stderr, code := runBinary(t, nil, append(append(command, "--admin=", "--listen=127.0.0.1:0"), c.arguments...)...)
				if code != exitUsage || !strings.Contains(stderr, c.says) || strings.Count(stderr, "\n") != 1 {
					t.Errorf("%v: got %d and %q, want %d and one line with %q", command, code, stderr, exitUsage, c.says)
				}
				if strings.Contains(stderr, "secret") {
					t.Errorf("%v: got the password in %q", command, stderr)
				}
			}
		})
	}
}

func TestThePasswordOfTheBrokerIsNotPrinted(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"nats://user:secret@host:1", "nats://user:secret@host:1,host:2", "redis://:secret@host:1/0", "redis-cluster://user:secret@host:1,host:2",
		"redis-sentinel://user:secret@host:1,host:2/main?sentinel-password=secret", "nats://secret@host:1,host:2",
	} {
		stdout, stderr, code := runBinary(t, []string{"SPOKEHUB_BROKER=" + address}, "config", "print")
		if code != exitOK || strings.Contains(stdout+stderr, "secret") || !strings.Contains(stdout, "REDACTED") {
			t.Errorf("%s: got %d, %q and %q, want it without the password", address, code, stdout, stderr)
		}
	}
}
