package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/spokehub/spokehub/event"
)

func TestFlagsOfIdentityThatMakeNoSenseAreReported(t *testing.T) {
	t.Parallel()
	_, public := makeKey(t, "EdDSA")
	empty := writeFile(t, "empty", "")
	for name, c := range map[string]struct {
		arguments []string
		names     string
	}{
		"a key file that is missing":                    {[]string{"--jwt-key=/does/not/exist"}, "--jwt-key: /does/not/exist: there is no such file"},
		"a key file that is empty":                      {[]string{"--jwt-key=" + empty}, empty},
		"a private key":                                 {[]string{"--jwt-key=" + strings.TrimSuffix(public, ".pub")}, "private key"},
		"a key set that is missing":                     {[]string{"--jwks=/does/not/exist"}, "--jwks"},
		"a key set that is none":                        {[]string{"--jwks=" + public}, public},
		"a URL without a host":                          {[]string{"--jwks=https://"}, "--jwks"},
		"API keys that are missing":                     {[]string{"--api-keys=/does/not/exist"}, "--api-keys"},
		"API keys that are none":                        {[]string{"--api-keys=" + public}, public + ": line 1"},
		"an issuer without a key":                       {[]string{"--jwt-issuer=me"}, "--jwt-issuer"},
		"a cookie without a key":                        {[]string{"--jwt-cookie=session"}, "--jwt-cookie"},
		"a cookie beside any origin":                    {[]string{"--jwt-key=" + public, "--jwt-cookie=session", "--origin=*"}, "--jwt-cookie"},
		"a cookie whose name is not one":                {[]string{"--jwt-key=" + public, "--jwt-cookie=a b"}, "--jwt-cookie"},
		"nobody let in at all":                          {[]string{"--anonymous=none"}, "--anonymous"},
		"an anonymous that is neither":                  {[]string{"--anonymous=some"}, "--anonymous"},
		"an anonymous that is two things":               {[]string{"--anonymous=all", "--anonymous=subscribe=a"}, "--anonymous"},
		"an anonymous without a pattern":                {[]string{"--anonymous=subscribe="}, "--anonymous"},
		"an anonymous with a pattern that is malformed": {[]string{"--anonymous=publish=a*b"}, "--anonymous"},
		"a name for nobody":                             {[]string{"--anonymous=subscribe=inbox:$user"}, "no name to stand for $user"},
		"a URL of another kind":                         {[]string{"--jwks=ftp://ada:hunter2@a.example"}, "want an http or https URL"},
		"a key file without end":                        {[]string{"--jwt-key=/dev/zero"}, "longer than 1MiB"},
		"a key file that is a directory":                {[]string{"--jwt-key=/"}, "directory"},
		"a leeway that is negative":                     {[]string{"--jwt-leeway=-1s"}, "--jwt-leeway"},
	} {
		t.Run(name, func(t *testing.T) {
			_, stderr, code := runBinary(t, nil, append([]string{"serve", "--listen=127.0.0.1:0", "--admin="}, c.arguments...)...)
			if code != exitUsage || !strings.Contains(stderr, c.names) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("got exit code %d and %q, want %d and one line that names %q", code, stderr, exitUsage, c.names)
			}
		})
	}
}

func TestAnonymousIsWhatAClientWithoutATokenMayDo(t *testing.T) {
	for name, c := range map[string]struct {
		flags              identityFlags
		isOpen             bool
		subscribe, publish bool
	}{
		"all without keys":        {identityFlags{}, true, true, true},
		"all where that is said":  {identityFlags{JWKS: "x", Anonymous: []string{"all"}}, false, true, true},
		"nothing with a key":      {identityFlags{JWTKeys: []string{"x"}}, false, false, false},
		"nothing with a key set":  {identityFlags{JWKS: "x"}, false, false, false},
		"what the patterns cover": {identityFlags{Anonymous: []string{"subscribe=price:*", "subscribe=a"}}, false, true, false},
		"only what they cover":    {identityFlags{Anonymous: []string{"subscribe=order", "publish=price:*"}}, false, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			permissions, err := c.flags.anonymous()
			var subscribe, publish bool
			if permissions != nil {
				subscribe, publish = permissions.Subscribe.Match([]byte("price:1"), ""), permissions.Publish.Match([]byte("price:1"), "")
			}
			if err != nil || subscribe != c.subscribe || publish != c.publish || c.flags.isOpen() != c.isOpen {
				t.Errorf("got subscribe %v, publish %v, open %v and error %v, want %v, %v and %v", subscribe, publish, c.flags.isOpen(), err, c.subscribe, c.publish, c.isOpen)
			}
		})
	}
}

// connectWith connects with headers and subprotocols. The error is that of the handshake.
func connectWith(t *testing.T, url string, header http.Header, subprotocols ...string) (*client, *http.Response, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, response, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPHeader: header, Subprotocols: subprotocols})
	if err != nil {
		return nil, response, err
	}
	t.Cleanup(func() { conn.CloseNow() })
	return &client{conn: conn}, response, nil
}

func TestClientsGetInWithATokenFromEverySource(t *testing.T) {
	t.Parallel()
	private, public := makeKey(t, "EdDSA")
	token := makeToken(t, private, "--subscribe=price:*", "--publish=chat:$user")
	hub := startHub(t, nil, "--jwt-key="+public, "--jwt-cookie=session", "--jwt-query=token")
	for name, c := range map[string]struct {
		query        string
		header       http.Header
		subprotocols []string
		answered     string
	}{
		"the header":               {"", http.Header{"Authorization": {"Bearer " + token}}, nil, ""},
		"a cookie":                 {"", http.Header{"Cookie": {"session=" + token}}, nil, ""},
		"the subprotocol":          {"", nil, []string{"spokehub.v1", "bearer." + token}, "spokehub.v1"},
		"the subprotocol in front": {"", nil, []string{"bearer." + token, "spokehub.v1"}, "spokehub.v1"},
		"the query":                {"?token=" + token, nil, nil, ""},
		"a first event":            {"", nil, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			want := c.answered
			c, response, err := connectWith(t, hub.websocket+c.query, c.header, c.subprotocols...)
			if err != nil {
				t.Fatalf("got the error %v, want a connection", err)
			}
			if got := response.Header.Get("Sec-WebSocket-Protocol"); got != want {
				t.Errorf("got the subprotocol %q, want %q and never the token", got, want)
			}
			if name == "a first event" {
				c.send(t, event.Event{Type: "__auth", ID: "a", Payload: []byte(`{"token":"` + token + `"}`)})
				if got := c.receive(t); !strings.Contains(got, `"user":"ada"`) {
					t.Fatalf("got the answer %s, want that it is ada", got)
				}
			}
			c.subscribe(t, "price:1")
			c.send(t, event.Event{Type: "__subscribe", ID: "no", Payload: []byte(`{"topic":"order"}`)})
			if got := c.receive(t); !strings.Contains(got, `"forbidden"`) {
				t.Errorf("got the answer %s, want forbidden", got)
			}
			c.send(t, event.Event{Type: "chat", ID: "bob", Payload: []byte(`1`)})
			if got := c.receive(t); !strings.Contains(got, `"forbidden"`) || !strings.Contains(got, `"chat:bob"`) {
				t.Errorf("got %s for an event of another user, want forbidden", got)
			}
		})
	}
}

func TestClientsWithoutAGoodTokenAreRefused(t *testing.T) {
	t.Parallel()
	_, public := makeKey(t, "EdDSA")
	stranger, _ := makeKey(t, "EdDSA")
	bad := makeToken(t, stranger, "--subscribe=*")
	hub := startHub(t, nil, "--jwt-key="+public, "--handshake-timeout=5s")
	if _, response, err := connectWith(t, hub.websocket, http.Header{"Authorization": {"Bearer " + bad}}); err == nil || response.StatusCode != 401 {
		t.Errorf("got %v and error %v for a program, want 401", response, err)
	}
	page := http.Header{"Origin": {strings.TrimSuffix(hub.page, "/")}}
	c, _, err := connectWith(t, hub.websocket, page, "spokehub.v1", "bearer."+bad)
	if err != nil {
		t.Fatalf("got the error %v for a page, want a close", err)
	}
	if got := c.closed(t); got.Code != 4401 {
		t.Errorf("got the close %v for a page, want 4401", got)
	}
	own := strings.TrimPrefix(page.Get("Origin"), "http://")
	for _, refused := range []string{`"origin":"","host":"` + own + `","path":"/ws","status":401,`, `"origin":"http://` + own + `","host":"` + own + `","path":"/ws","status":4401,`} {
		hub.output.awaitText(t, refused)
	}
	if text := hub.output.String(); strings.Count(text, "signature or algorithm is not valid") != 2 || strings.Count(text, `"address":"127.0.0.1:`) != 2 {
		t.Errorf("got the log %s, want both refusals with address and reason", text)
	}
	silent, _, err := connectWith(t, hub.websocket, nil)
	if err != nil {
		t.Fatalf("got the error %v, want a connection that waits for __auth", err)
	}
	if got := silent.closed(t); got.Code != 4401 {
		t.Errorf("got the close %v for one without a token, want 4401", got)
	}
}

func TestHubServesBeforeItsIdentityProvider(t *testing.T) {
	t.Parallel()
	private, _ := makeKey(t, "EdDSA")
	token := makeToken(t, private)
	provider := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(provider.Close)
	hub := startHub(t, nil, "--jwks="+provider.URL)
	if _, response, err := connectWith(t, hub.websocket, http.Header{"Authorization": {"Bearer " + token}}); err == nil || response.StatusCode != 503 {
		t.Errorf("got %v and error %v, want 503", response, err)
	}
	hub.output.await(t, "no keys for tokens: clients that show one are refused with 503 until they can be fetched")
	if status, _, _ := get(t, hub.page+"readyz"); status != 200 {
		t.Errorf("got %d from /readyz, want 200", status)
	}
}

// answersTo sends messages and returns the first answer, or the close that comes instead.
func (c *client) answersTo(t *testing.T, messages ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, message := range messages {
		if err := c.conn.Write(ctx, websocket.MessageText, []byte(message)); err != nil {
			break
		}
	}
	_, answer, err := c.conn.Read(ctx)
	if err != nil {
		return err.Error()
	}
	return string(answer)
}

// TestNoSecretIsTold greps all that a hub prints and answers for what clients and operators have shown it.
func TestNoSecretIsTold(t *testing.T) {
	t.Parallel()
	const secret = "a-secret-of-more-than-thirty-two-bytes"
	private := writeFile(t, "secret", secret)
	other := writeFile(t, "other", "another-"+secret)
	key, line := newAPIKey(t, "ci")
	stranger, _ := newAPIKey(t, "ci")
	good, bad := makeToken(t, private), makeToken(t, other)
	keys := writeFile(t, "keys", line)
	hub := startHub(t, nil, "--log-level=debug", "--jwt-key="+private, "--jwt-query=token", "--jwt-cookie=session",
		"--jwks=http://user:hunter2@127.0.0.1:1/keys?apikey=hunter2", "--api-keys="+keys)
	var answers strings.Builder
	own := strings.TrimSuffix(hub.page, "/")
	for _, token := range []string{good, bad, good + ".x", "bearer." + good} {
		for _, header := range []http.Header{
			{"Authorization": {"Bearer " + token}}, {"Authorization": {"Bearer " + token, "Bearer " + token}},
			{"Cookie": {"session=" + token}}, {"Cookie": {"session=" + token}, "Origin": {"https://elsewhere.example"}}, {"Origin": {own}, "Authorization": {"Bearer " + token}}, {},
		} {
			for _, query := range []string{"", "?token=" + token, "?token=" + token + "&token=x", "?a=%zz&token=" + token} {
				c, response, err := connectWith(t, hub.websocket+query, header, "spokehub.v1")
				if err != nil {
					answers.WriteString(strings.ReplaceAll(err.Error(), hub.websocket+query, ""))
				}
				if response != nil && response.Body != nil {
					response.Header.Write(&answers)
					body, _ := io.ReadAll(response.Body)
					answers.Write(body)
				}
				if c != nil {
					answers.WriteString(c.answersTo(t, `{"type":"__auth","id":"a","payload":{"token":"`+token+`"}}x`, `{"type":"__auth","id":"a","payload":{"token":"`+token+`"}}`))
				}
			}
		}
		for _, path := range []string{"?token=", "ws?token=", "nowhere?token=", "nowhere/", "stats.json?token="} {
			_, header, page := get(t, hub.page+path+token)
			answers.WriteString(page)
			header.Write(&answers)
		}
	}
	printed, stderr, _ := runBinary(t, nil, "config", "print", "--jwt-key="+private, "--jwks=http://user:hunter2@127.0.0.1:1/keys?apikey=hunter2", "--api-keys="+keys)
	printed += stderr
	for _, authorization := range []string{"", "Bearer " + key, "Bearer " + stranger, "Basic " + key} {
		for _, path := range []string{"", "metrics", "debug/pprof/cmdline", "publish?key=" + key} {
			_, header, body := getWith(t, hub.admin+path, authorization)
			answers.WriteString(body)
			header.Write(&answers)
		}
	}
	if refusals := strings.Count(answers.String(), "4401"); refusals == 0 {
		t.Error("got no close with 4401 among the answers, want some")
	}
	told := map[string]string{"log": hub.output.String(), "printed configuration": printed, "answers": strings.ReplaceAll(answers.String(), "hunter2@127.0.0.1:1/keys?apikey=hunter2", "")}
	for place, text := range told {
		for name, word := range map[string]string{"a good token": good, "a bad token": bad, "the secret": secret, "an API key": key, "an unknown API key": stranger, "the hash of a key": strings.Fields(line)[1], "a password": "hunter2"} {
			if at := strings.Index(text, word); at >= 0 {
				t.Errorf("got %s in the %s, want none: %q", name, place, text[max(0, at-200):min(len(text), at+200)])
			}
		}
	}
	if _, err := os.Stat(private); err != nil {
		t.Fatal(err)
	}
}
