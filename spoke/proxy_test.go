package spoke

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// TestAProxyThatDoesNotLetThroughIsNamed: the hub is not to blame, whoever asked the proxy.
func TestAProxyThatDoesNotLetThroughIsNamed(t *testing.T) {
	refuses := httptest.NewServer(http.NotFoundHandler())
	defer refuses.Close()
	for name, address := range map[string]string{"one that refuses": refuses.Listener.Addr().String(), "one that is not there": "127.0.0.1:1"} {
		for _, hub := range []string{"ws://hub.invalid/ws", "wss://hub.invalid/ws"} {
			t.Run(name+" on the way to "+hub[:strings.Index(hub, ":")], func(t *testing.T) {
				proxy := &url.URL{Scheme: "http", Host: address, User: url.UserPassword("ada", "secret")}
				_, err := Dial(t.Context(), hub, Config{Proxy: http.ProxyURL(proxy), Logger: slog.New(slog.DiscardHandler)})
				failed, ok := errors.AsType[*ConnectError](err)
				if !ok || !isOfProxy(failed.Err) || strings.Contains(err.Error(), "secret") {
					t.Errorf("Dial() = %v, want a ConnectError of the proxy without its password", err)
				}
			})
		}
	}
}

func TestAURLWithoutASchemeIsToldSo(t *testing.T) {
	for _, text := range []string{"127.0.0.1:8080/ws", "user:secret@127.0.0.1:8080", "ws:user:secret@127.0.0.1", ""} {
		if _, err := parseEndpoint(text); !errors.Is(err, errNoScheme) {
			t.Errorf("parseEndpoint(%q) = %v, want errNoScheme", text, err)
		}
	}
}
