package wsframe

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

func compile(t testing.TB, config PolicyConfig) *Policy {
	t.Helper()
	policy, err := NewPolicy(config)
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

// upgrade runs a head through the whole handshake.
func upgrade(p *Policy, input []byte) (response []byte, subprotocol string, refusal *Refusal) {
	start, end, refusal := p.FindHead(input, 0)
	if refusal != nil || end == 0 {
		return nil, "", refusal
	}
	request, refusal := ParseRequest(input[start:end])
	if refusal != nil {
		return nil, "", refusal
	}
	return p.Upgrade(&request, nil)
}

var noon = time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC)

func checkUpgrade(t *testing.T, c handshakeCase, response []byte, subprotocol string, refusal *Refusal) {
	t.Helper()
	got := 101
	if refusal != nil {
		got = refusal.Status
		response = refusal.AppendResponse(nil, noon)
	}
	if got != c.want || subprotocol != c.subprotocol {
		t.Fatalf("got %d, subprotocol %q, %v; want %d, %q", got, subprotocol, refusal, c.want, c.subprotocol)
	}
	parsed, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(response)), nil)
	if err != nil {
		t.Fatalf("response %q: %v", response, err)
	}
	if parsed.StatusCode != c.want {
		t.Errorf("status: got %d, want %d", parsed.StatusCode, c.want)
	}
	if c.want != 101 {
		return
	}
	if got := parsed.Header.Get("Sec-WebSocket-Accept"); got != testAccept {
		t.Errorf("Sec-WebSocket-Accept: got %q, want %q", got, testAccept)
	}
	if got := parsed.Header.Get("Sec-WebSocket-Protocol"); got != c.subprotocol {
		t.Errorf("Sec-WebSocket-Protocol: got %q, want %q", got, c.subprotocol)
	}
	if !bytes.HasSuffix(response, []byte("\r\n\r\n")) || bytes.Count(response, []byte("\r\n\r\n")) != 1 {
		t.Errorf("the response doesn't end with its only blank line: %q", response)
	}
}

func TestHandshake(t *testing.T) {
	for _, c := range handshakeCases() {
		t.Run(c.name, func(t *testing.T) {
			response, subprotocol, refusal := upgrade(compile(t, c.config), c.head)
			checkUpgrade(t, c, response, subprotocol, refusal)
		})
	}
}

func TestHandshakeThroughNetHTTP(t *testing.T) {
	for _, c := range handshakeCases() {
		t.Run(c.name, func(t *testing.T) {
			request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(c.head)))
			if err != nil {
				if c.want == 101 {
					t.Fatalf("net/http refuses what we accept: %v", err)
				}
				return
			}
			response, subprotocol, refusal := compile(t, c.config).UpgradeHTTP(request, nil)
			if !c.dropped {
				checkUpgrade(t, c, response, subprotocol, refusal)
			}
		})
	}
}

func TestUpgradeHTTPRefusesLineBreaksThatAHandlerPutIn(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(r *http.Request)
	}{
		{"in a value", func(r *http.Request) { r.Header.Set("Sec-WebSocket-Protocol", "a\r\nOrigin: x") }},
		{"in the host", func(r *http.Request) { r.Host = "a\r\nX: y" }},
		{"in the method", func(r *http.Request) { r.Method = "GET\n" }},
		{"in the target", func(r *http.Request) { r.RequestURI = "/\r\nX: y" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head(headLines))))
			if err != nil {
				t.Fatal(err)
			}
			c.change(request)
			if _, _, refusal := compile(t, PolicyConfig{}).UpgradeHTTP(request, nil); refusal == nil || refusal.Status != 400 {
				t.Errorf("got %v, want 400", refusal)
			}
		})
	}
}

func TestUpgradeHTTPTakesARequestWithoutRequestURI(t *testing.T) {
	request := httptest.NewRequest("GET", "http://hub.example.com/ws?a=b", nil)
	request.RequestURI = ""
	for _, line := range headLines[2:] {
		name, value, _ := strings.Cut(line, ": ")
		request.Header.Set(name, value)
	}
	if _, _, refusal := compile(t, PolicyConfig{Path: "/ws"}).UpgradeHTTP(request, nil); refusal != nil {
		t.Errorf("got %v, want none", refusal)
	}
}

func TestUpgradeAppends(t *testing.T) {
	policy := compile(t, PolicyConfig{})
	request, _ := ParseRequest(head(headLines))
	response, _, _ := policy.Upgrade(&request, []byte("kept"))
	if !bytes.HasPrefix(response, []byte("keptHTTP/1.1 101 ")) {
		t.Errorf("got %q", response)
	}
	request.Method = []byte("PUT")
	response, _, refusal := policy.Upgrade(&request, []byte("kept"))
	if refusal == nil || string(response) != "kept" {
		t.Errorf("refused: got %q and %v, want dst as it was", response, refusal)
	}
}

func TestRefusalNamesTheFieldThatTheStatusCallsFor(t *testing.T) {
	for _, c := range []struct {
		name         string
		lines        []string
		field, value string
	}{
		{"405 names the method", instead("GET", "PUT /ws HTTP/1.1"), "Allow", "GET"},
		{"426 names the protocol", without("Upgrade"), "Upgrade", "websocket"},
		{"426 for a missing version names 13", without("Sec-WebSocket-Version"), "Sec-WebSocket-Version", "13"},
		{"426 for a wrong version names 13", instead("Sec-WebSocket-Version", "Sec-WebSocket-Version: 12"), "Sec-WebSocket-Version", "13"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, refusal := upgrade(compile(t, PolicyConfig{}), head(c.lines))
			recorder := httptest.NewRecorder()
			refusal.ServeHTTP(recorder, nil)
			plain, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(refusal.AppendResponse(nil, noon))), nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, response := range []*http.Response{plain, recorder.Result()} {
				body, err := io.ReadAll(response.Body)
				if err != nil || string(body) != refusal.Reason+"\n" {
					t.Errorf("body: got %q, %v; want %q", body, err, refusal.Reason)
				}
				if response.StatusCode != refusal.Status || response.Header.Get(c.field) != c.value {
					t.Errorf("got %d with %s %q, want %d with %q", response.StatusCode, c.field, response.Header.Get(c.field), refusal.Status, c.value)
				}
			}
			if at, err := http.ParseTime(plain.Header.Get("Date")); err != nil || !at.Equal(noon) {
				t.Errorf("got Date %q, want %v", plain.Header.Get("Date"), noon)
			}
			if !plain.Close {
				t.Errorf("the response doesn't say that the connection is closed")
			}
		})
	}
}

func TestParseRequestShowsTheRequest(t *testing.T) {
	for _, c := range []struct {
		name                              string
		lines                             []string
		method, target, path, query, host string
		origin                            string
		isUpgrade                         bool
	}{
		{"of a handshake", with("Origin: https://a.net"), "GET", "/ws?room=1", "/ws", "room=1", "hub.example.com", "https://a.net", true},
		{"of a page", []string{"GET /a%20b HTTP/1.1", "Host: x:1"}, "GET", "/a%20b", "/a%20b", "", "x:1", "", false},
		{"of a form", []string{"POST /?? HTTP/1.1", "Host: x", "Content-Length: 3"}, "POST", "/??", "/", "?", "x", "", false},
		{"of a proxy", []string{"GET HTTP://y:2?q HTTP/1.1", "Host: x"}, "GET", "HTTP://y:2?q", "/", "q", "y:2", "", false},
		{"of a WebSocket client of a proxy", []string{"GET ws://y:2/ws HTTP/1.1", "Host: x"}, "GET", "ws://y:2/ws", "/ws", "", "y:2", "", false},
		{"of a tunnel", []string{"CONNECT y:443 HTTP/1.1", "Host: y:443"}, "CONNECT", "y:443", "y:443", "", "y:443", "", false},
		{"of an old client", []string{"GET / HTTP/1.0"}, "GET", "/", "/", "", "", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, refusal := ParseRequest(head(c.lines))
			if refusal != nil {
				t.Fatal(refusal)
			}
			got := []string{string(r.Method), string(r.Target), string(r.Path), string(r.Query), string(r.Host), string(r.Origin)}
			want := []string{c.method, c.target, c.path, c.query, c.host, c.origin}
			if !slices.Equal(got, want) || r.IsUpgrade != c.isUpgrade {
				t.Errorf("got %q, upgrade %v; want %q, %v", got, r.IsUpgrade, want, c.isUpgrade)
			}
		})
	}
}

func TestParseRequestRefusesWhatNoServerMayTake(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		want  *Refusal
	}{
		{"a length beside a transfer coding", []string{"POST /publish HTTP/1.1", "Host: x", "Content-Length: 3", "Transfer-Encoding: chunked"}, refusalLengths},
		{"a missing host", []string{"GET / HTTP/1.1"}, refusalNoHost},
		{"two hosts", []string{"GET / HTTP/1.1", "Host: x", "Host: x"}, refusalDuplicate},
		{"a line of the PROXY protocol", []string{"PROXY TCP4 192.0.2.1 192.0.2.2 4000 80", "GET / HTTP/1.1", "Host: x"}, refusalProxyLine},
		{"the preface of HTTP/2", []string{"PRI * HTTP/2.0"}, refusalHTTPVersion},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, got := ParseRequest(head(c.lines)); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestParseRequestWantsOneWholeHead(t *testing.T) {
	good := head(headLines)
	for cut := range good {
		if _, refusal := ParseRequest(good[:cut]); refusal == nil {
			t.Fatalf("accepted the first %d bytes of %d", cut, len(good))
		}
	}
	if _, refusal := ParseRequest(append(good, 'x')); refusal == nil {
		t.Errorf("accepted a byte behind the head")
	}
}

func TestNewPolicyNamesTheBadField(t *testing.T) {
	for _, c := range []struct {
		name   string
		config PolicyConfig
		field  string
	}{
		{"a path that is relative", PolicyConfig{Path: "ws"}, "Path"},
		{"a path with a query", PolicyConfig{Path: "/ws?a"}, "Path"},
		{"a path with a blank", PolicyConfig{Path: "/w s"}, "Path"},
		{"an origin without a scheme", PolicyConfig{Origins: []string{"example.com"}}, "Origins"},
		{"an origin with a path", PolicyConfig{Origins: []string{"https://example.com/"}}, "Origins"},
		{"an empty origin", PolicyConfig{Origins: []string{"*", ""}}, "Origins"},
		{"a wildcard inside a label", PolicyConfig{Origins: []string{"https://a*.example.com"}}, "Origins"},
		{"a wildcard in the middle", PolicyConfig{Origins: []string{"https://a.*.com"}}, "Origins"},
		{"a wildcard twice", PolicyConfig{Origins: []string{"https://*.*.com"}}, "Origins"},
		{"a wildcard for a scheme", PolicyConfig{Origins: []string{"*://example.com"}}, "Origins"},
		{"a wildcard alone for a host", PolicyConfig{Origins: []string{"https://*"}}, "Origins"},
		{"two ports", PolicyConfig{Origins: []string{"https://a.com:1:*"}}, "Origins"},
		{"a port that is no number", PolicyConfig{Origins: []string{"https://a.com:x"}}, "Origins"},
		{"any port without a host", PolicyConfig{Origins: []string{"file://:*"}}, "Origins"},
		{"a wildcard without a host", PolicyConfig{Origins: []string{"file://*."}}, "Origins"},
		{"https without a host", PolicyConfig{Origins: []string{"https://"}}, "Origins"},
		{"a host with a scheme", PolicyConfig{Hosts: []string{"https://example.com"}}, "Hosts"},
		{"a host with a port", PolicyConfig{Hosts: []string{"example.com:80"}}, "Hosts"},
		{"a host with a path", PolicyConfig{Hosts: []string{"example.com/"}}, "Hosts"},
		{"an empty host", PolicyConfig{Hosts: []string{"*", ""}}, "Hosts"},
		{"a wildcard without a domain", PolicyConfig{Hosts: []string{"*."}}, "Hosts"},
		{"a host that begins with a dot", PolicyConfig{Hosts: []string{".example.com"}}, "Hosts"},
		{"a host with an empty label", PolicyConfig{Hosts: []string{"*.example..com"}}, "Hosts"},
		{"a wildcard inside a host", PolicyConfig{Hosts: []string{"a.*.com"}}, "Hosts"},
		{"a limit of heads that is negative", PolicyConfig{MaxHead: -1}, "MaxHead"},
		{"a limit of heads that is tiny", PolicyConfig{MaxHead: 1023}, "MaxHead"},
		{"a limit of heads that is huge", PolicyConfig{MaxHead: 1<<20 + 1}, "MaxHead"},
		{"a subprotocol that is no token", PolicyConfig{Subprotocols: []string{"a b"}}, "Subprotocols"},
		{"an empty subprotocol", PolicyConfig{Subprotocols: []string{""}}, "Subprotocols"},
		{"a subprotocol twice", PolicyConfig{Subprotocols: []string{"a", "a"}}, "Subprotocols"},
	} {
		t.Run(c.name, func(t *testing.T) {
			policy, err := NewPolicy(c.config)
			if err == nil || policy != nil {
				t.Fatalf("accepted")
			}
			if field, _, _ := strings.Cut(err.Error(), ":"); field != c.field {
				t.Errorf("got %q, want %q first", err, c.field)
			}
		})
	}
}

func TestPolicyKeepsItsOwnCopy(t *testing.T) {
	config := PolicyConfig{Subprotocols: []string{"v1"}, Hosts: []string{"hub.example.com"}}
	policy := compile(t, config)
	config.Subprotocols[0], config.Hosts[0] = "v2", "elsewhere.net"
	_, got, refusal := upgrade(policy, head(with("Sec-WebSocket-Protocol: v1")))
	if got != "v1" || refusal != nil {
		t.Errorf("got %q, %v; want v1", got, refusal)
	}
}
