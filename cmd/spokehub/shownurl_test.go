package main

import (
	"strings"
	"testing"
)

// oddURLs are URLs with a password that some parser takes for something else. Every part of it begins with "pw".
var oddURLs = []string{
	"://:pwa#pwb@127.0.0.1:1", "://:pwa/pwb@127.0.0.1:1", "://:pwa?pwb@127.0.0.1:1", "://:pwa@pwb@127.0.0.1:1", "://:pwa,pwb@127.0.0.1:1", "://user:pwa:pwb@127.0.0.1:1",
	"://:%pwa@127.0.0.1:1", "://:pwa%zz@127.0.0.1:1", "://user:pwa pwb@127.0.0.1:1", "://:pwa[pwb]@127.0.0.1:1", "://:pwa://pwb@127.0.0.1:1", "://:pwa,b://pwb@127.0.0.1:1",
	"://user:12#pwa@127.0.0.1:1", "://user:12/pwa@127.0.0.1:1", "://user:1,pwa@127.0.0.1:1", "://user:pwa@127.0.0.1:1/main?sentinel-password=pwb", "://user:pwa@127.0.0.1:1/main?sentinel-password=a@pwb",
	"://user:pwa@127.0.0.1:1#pwb", "://127.0.0.1:1?pwa", "://127.0.0.1:1#pwa", "://pwa#@127.0.0.1:1,127.0.0.1:2", ":user:pwa#pwb@127.0.0.1:1", "//:pwa@127.0.0.1:1", ":/:pwa@127.0.0.1:1",
}

func TestOddPasswordsAreNotPrinted(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"nats", "tls", "redis", "rediss", "redis-sentinel", "redis-cluster", "kafka", "REDIS"} {
		for _, odd := range oddURLs {
			flags := brokerFlags{BrokerURL: scheme + odd}
			if got := flags.shownURL(); strings.Contains(got, "pw") || !strings.Contains(got, "REDACTED") {
				t.Errorf("%s is shown as %s, want no part of the password", flags.BrokerURL, got)
			}
			for _, err := range flags.checkBroker() {
				if strings.Contains(err.Error(), "pw") {
					t.Errorf("%s: got the error %v, want no part of the password", flags.BrokerURL, err)
				}
			}
		}
	}
}

func TestOddPasswordsAreInNoOutput(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"redis://:pwa#pwb@127.0.0.1:1", "redis://:pwa@pwb@127.0.0.1:1", "redis://:pwa/pwb@127.0.0.1:1", "redis-cluster://u:pwa,pwb@127.0.0.1:1", "nats://user:1,pwa@127.0.0.1:1", "nats://pwa#@127.0.0.1:1"} {
		for _, command := range [][]string{{"config", "print"}, {"config", "check"}} {
			stdout, stderr, _ := runBinary(t, []string{"SPOKEHUB_BROKER=" + text}, command...)
			if strings.Contains(stdout+stderr, "pwa") || strings.Contains(stdout+stderr, "pwb") {
				t.Errorf("%v with %s: got %q and %q, want no part of the password", command, text, stdout, stderr)
			}
		}
	}
	for _, text := range []string{"ws://user:pwa@127.0.0.1:1/ws", "ws://user:pwa#pwb@127.0.0.1:1/ws", "ws://127.0.0.1:12/pwa@127.0.0.1:1/ws", "ws://user:pwa/pwb@127.0.0.1:1/ws", "ws://user:pwa?pwb@127.0.0.1:1/ws", "ws://127.0.0.1:1/ws?token=pwa"} {
		for _, command := range [][]string{{"sub", "a", "--url"}, {"pub", "a", "1", "--url"}, {"bench", "--connections=1", "--url"}, {"check"}, {"check", "--json"}} {
			stdout, stderr, code := runBinary(t, nil, append(command, text, "--timeout=5s")...)
			if code == exitOK || strings.Contains(stdout+stderr, "pwa") || strings.Contains(stdout+stderr, "pwb") {
				t.Errorf("%v with %s: got %d, %q and %q, want an error without any part of the password", command, text, code, stdout, stderr)
			}
		}
	}
}

func TestTheStartLogHasNoOddPassword(t *testing.T) {
	t.Parallel()
	h := startHub(t, []string{"SPOKEHUB_BROKER=redis://:pwa#pwb@127.0.0.1:1"})
	if got := h.start["broker"]; got != "redis://REDACTED@127.0.0.1:1" {
		t.Errorf("the start logs the broker %v, want it without the password", got)
	}
	h.output.await(t, "Redis is not available")
	if text := h.output.String(); strings.Contains(text, "pwa") || strings.Contains(text, "pwb") {
		t.Errorf("got the log %q, want no part of the password", text)
	}
}

func TestServersAreShownWithoutTheirPasswords(t *testing.T) {
	for text, want := range map[string]string{
		"nats://user:secret@a:1,b:2":                         "nats://REDACTED@a:1,b:2",
		"nats://user:secret@a:1,tls://user:secret@b:2":       "nats://REDACTED@a:1,tls://REDACTED@b:2",
		"nats://a:1,nats://b:2":                              "nats://a:1,nats://b:2",
		"redis-sentinel://:secret@a:1,b:2/main?x=y":          "redis-sentinel://REDACTED@a:1,b:2",
		"redis-sentinel://a:1,b:2/main?sentinel-password=se": "redis-sentinel://a:1,b:2/main?REDACTED",
		"redis://127.0.0.1:6379":                             "redis://127.0.0.1:6379",
	} {
		if got := (brokerFlags{BrokerURL: text}).shownURL(); got != want {
			t.Errorf("%s is shown as %s, want %s", text, got, want)
		}
	}
}
