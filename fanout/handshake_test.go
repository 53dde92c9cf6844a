package fanout_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

func TestHandshakeArrivesAByteATime(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine})
		c := dial(t, "tcp", h.serve())
		drip(c, []byte(handshakeRequest))
		c.accepted()
		c.subscribe("t")
		h.hub.DispatchEvent(event.Event{Type: "t"})
		c.wants(envelope("t", "", "null"))
		expect(t, "handshakes", h.hub.Stats().Handshakes, 1)
	})
}

func TestHandshakeLosesNoFramePipelinedBehindIt(t *testing.T) {
	behind := frames(
		clientFrame(fin|opText, envelope("__subscribe", "1", `{"topic":"t"}`)),
		clientFrame(fin|opText, envelope("t", "", `"first"`)),
		clientFrame(opText, envelope("t", "", `"second"`)[:12]),
		clientFrame(fin|opContinuation, envelope("t", "", `"second"`)[12:]),
	)
	all := append([]byte(handshakeRequest), behind...)
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		for name, target := range map[string]func(h *testHub) string{
			"Serve": func(h *testHub) string { return h.serve() },
			"ServeHTTP": func(h *testHub) string {
				server := httptest.NewServer(h.hub)
				h.t.Cleanup(server.Close)
				return server.Listener.Addr().String()
			},
		} {
			for _, cut := range []int{len(all), len(handshakeRequest), len(handshakeRequest) + 1, len(handshakeRequest) - 1, len(handshakeRequest) + 20, 30} {
				h := newTestHub(t, fanout.Config{Engine: engine})
				heard := h.hear("t")
				c := dial(t, "tcp", target(h))
				c.write(all[:cut])
				if cut > len(handshakeRequest) {
					c.accepted()
					c.write(all[cut:])
				} else {
					c.write(all[cut:])
					c.accepted()
				}
				c.wants(ack("1", "t"))
				for _, want := range []string{`t  "first"`, `t  "second"`} {
					expect(t, name+" heard", receive(t, heard, want), want)
				}
			}
		}
	})
}

func TestHandshakeRefusals(t *testing.T) {
	without := func(line string) string { return strings.Replace(handshakeRequest, line+"\r\n", "", 1) }
	with := func(line string) string { return handshakeHead + line + "\r\n\r\n" }
	const key, version = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"
	for name, c := range map[string]struct {
		request string
		status  int
		header  string
		value   string
	}{
		"a method other than GET":     {strings.Replace(handshakeRequest, "GET", "POST", 1), 405, "Allow", "GET"},
		"HTTP/1.0":                    {strings.Replace(handshakeRequest, "HTTP/1.1", "HTTP/1.0", 1), 505, "", ""},
		"no Host":                     {without("Host: hub.test"), 400, "", ""},
		"two Hosts":                   {with("Host: other.test"), 400, "", ""},
		"no Upgrade":                  {without("Upgrade: websocket"), 426, "Upgrade", "websocket"},
		"no Connection":               {without("Connection: Upgrade"), 426, "Upgrade", "websocket"},
		"a plain request":             {"GET /ws HTTP/1.1\r\nHost: hub.test\r\n\r\n", 426, "Upgrade", "websocket"},
		"no key":                      {without(key), 400, "", ""},
		"a short key":                 {strings.Replace(handshakeRequest, "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZQ==", 1), 400, "", ""},
		"two keys":                    {with(key), 400, "", ""},
		"no version":                  {without(version), 426, "Sec-Websocket-Version", "13"},
		"version 8":                   {strings.Replace(handshakeRequest, ": 13", ": 8", 1), 426, "Sec-Websocket-Version", "13"},
		"two versions":                {with(version), 400, "", ""},
		"a bare LF":                   {strings.Replace(handshakeRequest, "\r\n", "\n", 1), 400, "", ""},
		"a bare CR":                   {strings.Replace(handshakeRequest, "hub.test\r\n", "hub.\rtest\r\n", 1), 400, "", ""},
		"a space before the colon":    {strings.Replace(handshakeRequest, "Host:", "Host :", 1), 400, "", ""},
		"a head over 16 KiB":          {with("X-Long: " + strings.Repeat("x", 17<<10)), 431, "", ""},
		"a head over 100 lines":       {with(strings.Repeat("X-A: 1\r\n", 101) + "X-B: 2"), 431, "", ""},
		"bytes that are no request":   {"\x16\x03\x01hello", 400, "", ""},
		"a foreign Origin":            {with("Origin: https://evil.example"), 403, "", ""},
		"a body":                      {with("Content-Length: 5"), 400, "", ""},
		"a malformed subprotocol":     {with("Sec-WebSocket-Protocol: a b"), 400, "", ""},
		"an absurd protocol version":  {strings.Replace(handshakeRequest, "HTTP/1.1", "HTTP/2.0", 1), 505, "", ""},
		"a control character in them": {with("X-A: \x01"), 400, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine fanout.Engine) {
				h := newTestHub(t, fanout.Config{Engine: engine})
				peer := dial(t, "tcp", h.serve())
				peer.write([]byte(c.request))
				response := peer.response()
				expect(t, "status", response.StatusCode, c.status)
				if c.header != "" {
					expect(t, c.header, response.Header.Get(c.header), c.value)
				}
				if hint, _ := io.ReadAll(response.Body); len(hint) == 0 {
					t.Error("got no hint in the body, want one")
				}
				peer.ended()
				peer.conn.Close()
				until(t, "the socket is closed", func() bool { return h.hub.Stats().Connections == 0 })
				st := h.hub.Stats()
				expect(t, "refused", st.HandshakesRefused, 1)
				expect(t, "refused by status", st.Refusals[c.status], 1)
				expect(t, "announced", len(h.connected), 0)
			})
		})
	}
}

func TestHandshakeTokenListsAndOrigins(t *testing.T) {
	for name, c := range map[string]struct {
		origins []string
		lines   string
		status  int
	}{
		"tokens in lists and any case":    {nil, "UPGRADE: foo, WebSocket\r\nconnection: keep-alive, UpGrAdE\r\n", 101},
		"the same host by default":        {nil, "Upgrade: websocket\r\nConnection: Upgrade\r\nOrigin: https://hub.test\r\n", 101},
		"another host by default":         {nil, "Upgrade: websocket\r\nConnection: Upgrade\r\nOrigin: https://hub.test.evil\r\n", 403},
		"a listed origin":                 {[]string{"https://app.test"}, "Upgrade: websocket\r\nConnection: Upgrade\r\nOrigin: https://app.test\r\n", 101},
		"an origin that is not listed":    {[]string{"https://app.test"}, "Upgrade: websocket\r\nConnection: Upgrade\r\nOrigin: https://hub.test\r\n", 403},
		"a wildcard":                      {[]string{"https://*.app.test"}, "Upgrade: websocket\r\nConnection: Upgrade\r\nOrigin: https://a.app.test\r\n", 101},
		"any by explicit choice":          {[]string{"*"}, "Upgrade: websocket\r\nConnection: Upgrade\r\nOrigin: https://evil.test\r\n", 101},
		"no origin, as from no browser":   {[]string{"https://app.test"}, "Upgrade: websocket\r\nConnection: Upgrade\r\n", 101},
		"an origin that is not an origin": {nil, "Upgrade: websocket\r\nConnection: Upgrade\r\nOrigin: hub.test\r\n", 403},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine fanout.Engine) {
				h := newTestHub(t, fanout.Config{Engine: engine, Origins: c.origins})
				server := httptest.NewServer(h.hub)
				t.Cleanup(server.Close)
				for _, address := range []string{h.serve(), server.Listener.Addr().String()} {
					peer := dial(t, "tcp", address)
					peer.write([]byte("GET /ws HTTP/1.1\r\nHost: hub.test\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + randomKey(7) + "\r\n" + c.lines + "\r\n"))
					expect(t, "status", peer.response().StatusCode, c.status)
					if c.status == http.StatusSwitchingProtocols {
						receive(t, h.connected, "OnConnection")
					}
					peer.conn.Close()
				}
			})
		})
	}
}

func TestServeHTTPRefusesWhatIsNoHandshakeWithAHint(t *testing.T) {
	h := newTestHub(t, fanout.Config{})
	answer := httptest.NewRecorder()
	h.hub.ServeHTTP(answer, httptest.NewRequest("GET", "/anywhere", nil))
	expect(t, "status", answer.Code, http.StatusUpgradeRequired)
	expect(t, "upgrade", answer.Header().Get("Upgrade"), "websocket")
	if answer.Body.Len() == 0 {
		t.Error("got no hint in the body, want one")
	}
	expect(t, "counted", h.hub.Stats().Refusals[http.StatusUpgradeRequired], 1)
	cannot := httptest.NewRecorder()
	request := httptest.NewRequest("GET", "/ws", nil)
	for name, value := range map[string]string{"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": randomKey(1)} {
		request.Header.Set(name, value)
	}
	h.hub.ServeHTTP(cannot, request)
	expect(t, "status where hijacking is impossible", cannot.Code, http.StatusInternalServerError)
}

func TestServeHandsOtherPathsToTheFallback(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, Path: "/hub", Fallback: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			body, _ := io.ReadAll(q.Body)
			_, _ = io.WriteString(w, q.Method+" "+q.URL.Path+" "+string(body))
		})})
		c := dial(t, "tcp", h.serve())
		c.write([]byte("POST /page HTTP/1.1\r\nHost: hub.test\r\nContent-Length: 5\r\n\r\nhello"))
		for _, want := range []string{"POST /page hello", "GET /again "} {
			response := c.response()
			body, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			expect(t, "answer", string(body), want)
			if want == "POST /page hello" {
				c.write([]byte("GET /again HTTP/1.1\r\nHost: hub.test\r\n\r\n"))
			}
		}
		c.write([]byte(strings.Replace(handshakeRequest, "/ws", "/hub?token=1", 1)))
		c.accepted()
		c.subscribe("t")
		h.hub.DispatchEvent(event.Event{Type: "t"})
		c.wants(envelope("t", "", "null"))
	})
}
