package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestReloadKeepsTheOriginCheckWhileTokensAreInCookies(t *testing.T) {
	t.Parallel()
	_, public := makeKey(t, "EdDSA")
	hub, name := startHubFrom(t, "jwt-cookie: session\n", "--jwt-key="+public)
	hub.reload(t, name, "jwt-cookie: session\norigin: '*'\n", "the configuration was not reloaded, and nothing has changed")
	hub.output.awaitText(t, "--jwt-cookie: --origin has")
	if got, body := handshakeStatus(t, hub.page, "127.0.0.1", "https://elsewhere.example"); got != http.StatusForbidden {
		t.Errorf("got %d %s for a page of another site, want 403", got, body)
	}
}

func TestReloadRotatesKeys(t *testing.T) {
	t.Parallel()
	first, firstPublic := makeKey(t, "EdDSA")
	second, secondPublic := makeKey(t, "ES256")
	key, line := newAPIKey(t, "ci")
	next, nextLine := newAPIKey(t, "ci")
	read := func(name string) []byte {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	keyFile, apiKeys := writeFile(t, "key.pem", string(read(firstPublic))), writeFile(t, "keys", line)
	hub := startHub(t, nil, "--jwt-key="+keyFile, "--api-keys="+apiKeys)
	old, fresh := makeToken(t, first), makeToken(t, second)
	isIn := func(step, token string, want bool) {
		t.Helper()
		if _, _, err := connectWith(t, hub.websocket, http.Header{"Authorization": {"Bearer " + token}}); (err == nil) != want {
			t.Errorf("%s: got the error %v, want let in: %v", step, err, want)
		}
	}
	opens := func(step, key string, want int) {
		t.Helper()
		if status, _, _ := getWith(t, hub.admin+"metrics", "Bearer "+key); status != want {
			t.Errorf("%s: got %d, want %d", step, status, want)
		}
	}
	rewrite := func(name string, text []byte) {
		t.Helper()
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rewrite(keyFile, []byte("hunter2"))
	rewrite(apiKeys, []byte(nextLine))
	hub.signal(t, syscall.SIGHUP)
	hub.output.await(t, "the configuration was not reloaded, and nothing has changed")
	isIn("a wrong file, the old key", old, true)
	opens("a wrong file, the old API key", key, 200)
	opens("a wrong file, the new API key", next, 401)

	rewrite(keyFile, append(read(firstPublic), read(secondPublic)...))
	hub.signal(t, syscall.SIGHUP)
	record := hub.output.await(t, "configuration reloaded")
	if changed, _ := record["changed"].([]any); len(changed) != 2 {
		t.Errorf("got the changes %v, want api-keys and jwt-key", changed)
	}
	isIn("both keys, the old one", old, true)
	isIn("both keys, the new one", fresh, true)
	if _, response, err := connectWith(t, hub.websocket, nil, "spokehub.v1", "bearer."+fresh); err != nil || response.Header.Get("Sec-WebSocket-Protocol") != "spokehub.v1" {
		t.Errorf("both keys, as a subprotocol: got %v and error %v, want spokehub.v1 answered, without which browsers close", response, err)
	}
	opens("after the reload, the old API key", key, 401)
	opens("after the reload, the new API key", next, 200)
}

func TestReloadDoesNotOpenTheHubToEverybody(t *testing.T) {
	t.Parallel()
	_, public := makeKey(t, "EdDSA")
	for name, next := range map[string]string{
		"the key got lost":                      "log-level: debug\n",
		"the key is gone, and all are let in":   "anonymous: all\n",
		"there are only comments in the file":   "# jwt-key: key.pem\n",
		"the key is gone from a file with more": "log-level: debug\ntopics: [{match: a, publish: nobody}]\n",
	} {
		t.Run(name, func(t *testing.T) {
			hub, file := startHubFrom(t, "jwt-key: "+public+"\nanonymous: [subscribe=a]\n")
			record := hub.reload(t, file, next, "the configuration was not reloaded, and nothing has changed")
			if line := fmt.Sprint(record["error"]); !strings.Contains(line, "--jwt-key") || !strings.Contains(line, "started again") {
				t.Errorf("got the line %q, want one that names --jwt-key and says what it takes", line)
			}
			connect(t, hub.websocket).reject(t, "b")
		})
	}
	hub, file := startHubFrom(t, "jwt-key: "+public+"\nanonymous: [subscribe=a]\n")
	hub.reload(t, file, "anonymous: [subscribe=b]\n", "configuration reloaded")
	c := connect(t, hub.websocket)
	c.reject(t, "a")
	c.subscribe(t, "b")
}
