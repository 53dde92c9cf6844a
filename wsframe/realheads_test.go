package wsframe

import (
	"bufio"
	"bytes"
	"net/http"
	"strings"
	"testing"
)

// realHead is a handshake as a client or proxy sends it. It is for ws(s)://hub.example.com/ws.
type realHead struct {
	name   string
	config PolicyConfig
	lines  []string
}

// keyLines are what all clients send, in the spelling of RFC 6455.
var keyLines = []string{"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + testKey}

// sent is a head whose first lines are given; keyLines follow.
func sent(lines ...string) []string { return append(lines, keyLines...) }

// listed is a policy that lets pages of origins connect.
func listed(origins ...string) PolicyConfig { return PolicyConfig{Origins: origins} }

func browserHeads() []realHead {
	const target, host = "GET /ws HTTP/1.1", "Host: hub.example.com"
	longCookie := "Cookie: a=" + strings.Repeat("c", 3900) + "; b=" + strings.Repeat("d", 3900) + "; c=" + strings.Repeat("e", 3900)
	return []realHead{
		{"Chrome", PolicyConfig{}, sent(target, host, "Connection: Upgrade", "Pragma: no-cache", "Cache-Control: no-cache",
			"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
			"Upgrade: websocket", "Origin: https://hub.example.com", "Accept-Encoding: gzip, deflate, br, zstd", "Accept-Language: de-DE,de;q=0.9",
			"Cookie: session=\"a b\"; n=1", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits")},
		{"Chrome with three large cookies", PolicyConfig{}, sent(target, host, "Connection: Upgrade", "Upgrade: websocket", "Origin: https://hub.example.com", longCookie)},
		{"Chrome with a page from a file", listed("file://"), sent(target, host, "Connection: Upgrade", "Upgrade: websocket", "Origin: file://")},
		{"Firefox", PolicyConfig{}, sent(target, host, "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0", "Accept: */*",
			"Accept-Language: en-US,en;q=0.5", "Accept-Encoding: gzip, deflate, br, zstd", "Origin: https://hub.example.com",
			"Sec-WebSocket-Extensions: permessage-deflate", "Connection: keep-alive, Upgrade", "Sec-Fetch-Dest: empty", "Sec-Fetch-Mode: websocket",
			"Sec-Fetch-Site: same-origin", "Pragma: no-cache", "Cache-Control: no-cache", "Upgrade: websocket")},
		{"Firefox with a page from a file", listed("null"), sent(target, host, "Connection: keep-alive, Upgrade", "Upgrade: websocket", "Origin: null")},
		{"Safari", PolicyConfig{}, sent(target, host, "Sec-Fetch-Site: same-origin", "Pragma: no-cache", "Sec-WebSocket-Extensions: permessage-deflate",
			"Sec-Fetch-Mode: websocket", "Accept: */*", "User-Agent: Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15",
			"Origin: https://hub.example.com", "Cache-Control: no-cache", "Connection: Upgrade", "Accept-Language: de", "Accept-Encoding: gzip, deflate", "Upgrade: websocket", "Sec-Fetch-Dest: websocket")},
		{"Safari of old", PolicyConfig{}, sent(target, "Upgrade: websocket", "Connection: Upgrade", host, "Origin: http://hub.example.com", "Pragma: no-cache",
			"Cache-Control: no-cache", "Sec-WebSocket-Extensions: x-webkit-deflate-frame", "User-Agent: Mozilla/5.0 (iPhone) AppleWebKit/536.26 Mobile/10A403")},
		{"Internet Explorer", PolicyConfig{}, sent(target, "Origin: http://hub.example.com", "Connection: Upgrade", "Upgrade: Websocket", "User-Agent: Mozilla/5.0 (Windows NT 6.2; Trident/7.0; rv:11.0) like Gecko",
			host, "Cache-Control: no-cache", "DNT: 1", "Cookie: name=M\xfcller")},
		{"Cordova and Capacitor", listed("capacitor://localhost", "ionic://localhost", "http://localhost"), sent(target, host, "Connection: Upgrade", "Upgrade: websocket", "Origin: ionic://localhost")},
		{"an Android page from a content provider", listed("content://"), sent(target, host, "Connection: Upgrade", "Upgrade: websocket", "Origin: content://", "X-Requested-With: com.example.app")},
		{"a browser extension", listed("moz-extension://0a1b2c3d-0000-4000-8000-000000000000"), sent(target, host, "Connection: keep-alive, Upgrade", "Upgrade: websocket", "Origin: moz-extension://0a1b2c3d-0000-4000-8000-000000000000")},
	}
}

func appHeads() []realHead {
	const host = "Host: hub.example.com"
	return []realHead{
		{"OkHttp, and React Native on Android", PolicyConfig{}, sent("GET /ws HTTP/1.1", "Origin: https://hub.example.com", "Upgrade: websocket", "Connection: Upgrade",
			"Sec-WebSocket-Extensions: permessage-deflate", host, "Accept-Encoding: gzip", "User-Agent: okhttp/4.12.0")},
		{"SocketRocket, and React Native on iOS", PolicyConfig{}, sent("GET /ws HTTP/1.1", host, "Connection: Upgrade", "Upgrade: websocket", "Origin: https://hub.example.com")},
		{"NSURLSession", PolicyConfig{}, sent("GET /ws HTTP/1.1", host, "Accept: */*", "Sec-WebSocket-Extensions: permessage-deflate", "Upgrade: websocket",
			"User-Agent: App/1 CFNetwork/1490 Darwin/23", "Accept-Language: de-DE", "Accept-Encoding: gzip, deflate", "Connection: Upgrade")},
		{"Starscream, whose Origin is the socket's", PolicyConfig{}, sent("GET /ws HTTP/1.1", host, "Upgrade: websocket", "Connection: Upgrade",
			"Origin: wss://hub.example.com", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits; server_max_window_bits=15")},
		{"Node ws", PolicyConfig{}, sent("GET /ws HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits", host)},
		{"undici", PolicyConfig{}, []string{"GET /ws HTTP/1.1", "host: hub.example.com", "connection: upgrade", "upgrade: websocket", "sec-websocket-key: " + testKey,
			"sec-websocket-version: 13", "sec-websocket-extensions: permessage-deflate; client_max_window_bits", "accept: */*", "accept-language: *", "sec-fetch-mode: websocket",
			"user-agent: node", "pragma: no-cache", "cache-control: no-cache", "accept-encoding: gzip, deflate"}},
		{"Python websockets", PolicyConfig{}, sent("GET /ws HTTP/1.1", host, "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits", "User-Agent: Python/3.13 websockets/15.0")},
		{"Python websocket-client", PolicyConfig{}, sent("GET /ws HTTP/1.1", "Upgrade: websocket", host, "Origin: https://hub.example.com", "Connection: Upgrade")},
		{"aiohttp", PolicyConfig{}, sent("GET /ws HTTP/1.1", host, "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=15", "Accept: */*", "Accept-Encoding: gzip, deflate", "User-Agent: Python/3.13 aiohttp/3.12")},
		{".NET Framework", PolicyConfig{}, sent("GET /ws HTTP/1.1", "Connection: Upgrade,Keep-Alive", "Upgrade: Websocket", host)},
		{"Java-WebSocket", PolicyConfig{}, sent("GET /ws HTTP/1.1", "Connection: Upgrade", "Host: hub.example.com:443", "Upgrade: websocket")},
		{"Unity with Best HTTP", PolicyConfig{}, sent("GET /ws HTTP/1.1", "Host: hub.example.com:443", "Upgrade: websocket", "Connection: keep-alive, Upgrade", "Origin: wss://hub.example.com:443", "Cache-Control: no-cache", "Pragma: no-cache", "Content-Length: 0")},
		{"websocket-sharp", PolicyConfig{}, sent("GET /ws HTTP/1.1", "User-Agent: websocket-sharp/1.0", "Host: hub.example.com:443", "Upgrade: websocket", "Connection: Upgrade")},
		{"Qt", PolicyConfig{}, sent("GET /ws HTTP/1.1", host, "Upgrade: websocket", "Connection: Upgrade", "User-Agent: QtWebSocket/1.0")},
		{"arduinoWebSockets", PolicyConfig{Origins: []string{"file://"}, Subprotocols: []string{"arduino"}}, sent("GET /ws HTTP/1.1", "Host: hub.example.com:80", "Connection: Upgrade", "Upgrade: websocket",
			"Sec-WebSocket-Protocol: arduino", "Origin: file://", "User-Agent: arduino-WebSocket-Client")},
		{"an embedded client with an empty subprotocol", PolicyConfig{}, sent("GET /ws HTTP/1.1", host, "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Protocol: ")},
		{"curl", PolicyConfig{}, sent("GET /ws HTTP/1.1", host, "User-Agent: curl/8.16.0", "Accept: */*", "Upgrade: websocket", "Connection: Upgrade")},
		{"a client that ends a body of its own with an empty line", PolicyConfig{}, sent("\r\nGET /ws HTTP/1.1", host, "Upgrade: websocket", "Connection: Upgrade")},
		{"a client that does not escape its target", PolicyConfig{}, sent("GET /ws?name=M\xc3\xbcller&q={\"a\":[1|2]}\\^` HTTP/1.1", host, "Upgrade: websocket", "Connection: Upgrade")},
		{"a long token in the target", PolicyConfig{}, sent("GET /ws?token="+strings.Repeat("eyJ", 4000)+" HTTP/1.1", host, "Upgrade: websocket", "Connection: Upgrade")},
	}
}

func proxyHeads() []realHead {
	const host = "Host: hub.example.com"
	return []realHead{
		{"nginx", PolicyConfig{}, sent("GET /ws HTTP/1.1", "Upgrade: websocket", "Connection: upgrade", host, "X-Real-IP: 192.0.2.1", "X-Forwarded-For: 192.0.2.1, 192.0.2.2", "X_Request_Id: 1", "Origin: https://hub.example.com")},
		{"HAProxy", PolicyConfig{}, []string{"GET /ws HTTP/1.1", "host: hub.example.com", "upgrade: websocket", "connection: Upgrade", "sec-websocket-key: " + testKey, "sec-websocket-version: 13", "x-forwarded-proto: https"}},
		{"Envoy", PolicyConfig{}, []string{"GET /ws HTTP/1.1", "host: hub.example.com", "upgrade: websocket", "connection: upgrade", "sec-websocket-version: 13", "sec-websocket-key: " + testKey,
			"x-forwarded-proto: https", "x-request-id: 0a", "x-envoy-external-address: 192.0.2.1", "x-envoy-expected-rq-timeout-ms: 0"}},
		{"AWS ALB", PolicyConfig{}, sent("GET /ws HTTP/1.1", "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https", "X-Forwarded-Port: 443", "Host: hub.example.com", "X-Amzn-Trace-Id: Root=1-67891233-abcdef012345678912345678", "connection: upgrade", "upgrade: websocket")},
		{"Cloudflare", PolicyConfig{}, sent("GET /ws HTTP/1.1", host, "Connection: Upgrade", "Upgrade: websocket", "Cf-Ray: 8e0-FRA", "Cf-Visitor: {\"scheme\":\"https\"}", "Cdn-Loop: cloudflare; loops=1", "Cf-Ipcountry: DE", "Cf-Connecting-Ip: 2001:db8::1", "Accept-Encoding: gzip, br")},
		{"ngrok", PolicyConfig{}, sent("GET /ws HTTP/1.1", host, "Connection: Upgrade", "Upgrade: websocket", "X-Forwarded-Host: hub.example.com", "X-Forwarded-Proto: https")},
		{"IIS with ARR", PolicyConfig{}, sent("GET /ws HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket", "Content-Length: 0", host, "Max-Forwards: 10", "X-Original-URL: /ws", "X-ARR-LOG-ID: 0a", "DISGUISED-HOST: hub.example.com", "WAS-DEFAULT-HOSTNAME: hub")},
		{"Squid", PolicyConfig{}, sent("GET /ws HTTP/1.1", "Upgrade: WebSocket", host, "Via: 1.1 proxy (squid/6.10)", "X-Forwarded-For: unknown", "Cache-Control: max-age=0", "Connection: Upgrade")},
		{"a client of a plain HTTP proxy", PolicyConfig{}, sent("GET http://hub.example.com/ws HTTP/1.1", host, "Proxy-Connection: keep-alive", "Connection: Upgrade", "Upgrade: websocket")},
		{"a client that keeps the scheme for its proxy", PolicyConfig{}, sent("GET ws://hub.example.com/ws HTTP/1.1", host, "Proxy-Connection: Keep-Alive", "Proxy-Authorization: Basic eDp5", "Connection: Upgrade", "Upgrade: websocket", "Origin: http://hub.example.com")},
		{"a gateway that ends TLS and keeps the scheme", PolicyConfig{}, sent("GET wss://hub.example.com/ws?a=b HTTP/1.1", host, "Connection: Upgrade", "Upgrade: websocket", "Origin: https://hub.example.com")},
		{"a proxy that adds a Connection of its own", PolicyConfig{}, sent("GET /ws HTTP/1.1", host, "Connection: keep-alive", "Upgrade: websocket", "Connection: Upgrade", "Accept: */*")},
		{"a proxy that doubles Upgrade", PolicyConfig{}, sent("GET /ws HTTP/1.1", host, "Connection: Upgrade", "Upgrade: websocket, websocket", "Upgrade: websocket")},
		{"a firewall that masks fields", PolicyConfig{}, sent("GET /ws HTTP/1.1", host, "Connection: Upgrade", "Upgrade: websocket", "~~~~~~~~~~~~~~~: ~~~~~~~~~~~~~", "---------------: ----- -------", "X-Empty:")},
	}
}

func TestHeadsOfRealClientsAreAccepted(t *testing.T) {
	for kind, heads := range map[string][]realHead{"browser": browserHeads(), "app": appHeads(), "proxy": proxyHeads()} {
		for _, c := range heads {
			t.Run(kind+"/"+c.name, func(t *testing.T) {
				c.config.Path = "/ws"
				c.config.Hosts = []string{"hub.example.com"}
				policy := compile(t, c.config)
				if _, _, refusal := upgrade(policy, head(c.lines)); refusal != nil {
					t.Errorf("got %v, want none", refusal)
				}
				request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(bytes.TrimLeft(head(c.lines), "\r\n"))))
				if err != nil {
					t.Fatalf("net/http: %v", err)
				}
				if _, _, refusal := policy.UpgradeHTTP(request, nil); refusal != nil {
					t.Errorf("through net/http: got %v, want none", refusal)
				}
			})
		}
	}
}
