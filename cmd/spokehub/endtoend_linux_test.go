package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// application is a site at app.test: its own pages from its own server, and the hub at /ws, both behind nginx.
type application struct {
	hub *process
	// address is the proxy's.
	address string
	// site is what browsers have in their address bar.
	site string
}

// startApplication runs the hub with the configuration, the application's server, and nginx with the lines of docs/proxy.md, edited.
func startApplication(t *testing.T, configuration string, edit *strings.Replacer) *application {
	t.Helper()
	page := httptest.NewServer(http.FileServer(http.Dir("testdata")))
	t.Cleanup(page.Close)
	nginx := front{"nginx", func(t *testing.T, address, hub, directory string) string {
		own := "\nlocation / { proxy_pass " + page.URL + "; }"
		return nginxWith(t, address, directory, edit.Replace(snippet(t, "nginx", hub))+own)
	}, []string{"-c"}, nil}
	hub := startHubOn(t, nil, "--config="+writeConfig(t, configuration))
	address := nginx.before(t, hub)
	_, port, _ := strings.Cut(address, ":")
	return &application{hub: hub, address: address, site: "http://app.test:" + port}
}

func (a *application) open(t *testing.T, browser context.Context) appTab {
	t.Helper()
	return appTab{openAnyTab(t, browser, a.site+"/app.html")}
}

// connect gets the page in with the token.
func (a appTab) connect(t *testing.T, token string) {
	t.Helper()
	a.expect(t, "open spokehub.v1", "connect(%q)", token)
}

// priceFeed publishes the numbers from 1 to the topic price:EURUSD, one a request, until the hub has gone.
type priceFeed struct {
	// matched is how many numbers had a subscriber, one after the other. Any goroutine may read it.
	matched atomic.Int64
	// ended is closed once no more is published. The rest may be read then.
	ended chan struct{}
	// unanswered says that the fate of the number behind matched is not known.
	unanswered bool
	err        error
}

func startFeed(hub *process, key string) *priceFeed {
	f := &priceFeed{ended: make(chan struct{})}
	go func() {
		defer close(f.ended)
		for n := 1; f.publish(hub, key, n); n++ {
		}
	}()
	return f
}

// publish reports false if the hub takes no more.
func (f *priceFeed) publish(hub *process, key string, n int) bool {
	request, err := http.NewRequest(http.MethodPost, hub.admin+"publish", strings.NewReader(fmt.Sprintf(`{"type":"price","id":"EURUSD","payload":%d}`, n)))
	if err != nil {
		f.err = err
		return false
	}
	request.Header.Set("Authorization", "Bearer "+key)
	response, err := http.DefaultClient.Do(request)
	last := int(f.matched.Load())
	if err != nil {
		f.unanswered = last == n-1
		return false
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	var report publishReport
	switch {
	case response.StatusCode == http.StatusServiceUnavailable:
		return false
	case response.StatusCode != http.StatusOK, err != nil, json.Unmarshal(body, &report) != nil:
		f.err = fmt.Errorf("number %d: got %d %q and error %v", n, response.StatusCode, body, err)
		return false
	case report.Matched == 0:
		return true
	case last != n-1 || report.Matched != 1:
		f.err = fmt.Errorf("number %d: got %s after %d with a subscriber, want each with one until the drain", n, body, last)
		return false
	}
	f.matched.Store(int64(n))
	return true
}

func TestPageBehindNginxFromItsTokenToTheDrain(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	private, public := makeKey(t, "EdDSA")
	nextPrivate, nextPublic := makeKey(t, "ES256")
	apiKey, apiLine := newAPIKey(t, "prices")
	keyFile := writeFile(t, "key.pem", read(t, public))
	app := startApplication(t, fmt.Sprintf("listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nhost: app.test\ntrusted-proxy: 127.0.0.1\njwt-key: %s\njwt-leeway: 0s\n"+
		"api-keys: %s\ntopics:\n  - match: price*\n    publish: nobody\n", keyFile, writeFile(t, "keys", apiLine)), strings.NewReplacer())
	ada, late, bob := app.open(t, browser), app.open(t, browser), app.open(t, browser)
	allowed := []string{"--subscribe=price:*", "--subscribe=chat:*", "--publish=chat:$user", "--publish=price:*"}
	lasting, ofBob := makeToken(t, private, allowed...), makeToken(t, private, append(allowed, "--user=bob")...)
	expiring := makeToken(t, private, append(allowed, "--expires=10s")...)

	ada.connect(t, expiring)
	late.connect(t, expiring)
	if got := ada.run(t, `ask("__auth", {token: %q})`, lasting); !strings.Contains(got, `"__ack"`) || !strings.Contains(got, `"user":"ada"`) {
		t.Errorf("got %s for the renewal, want an ack for ada", got)
	}
	bob.connect(t, ofBob)
	ada.expect(t, `{"type":"__ack","id":"request-2","payload":{"topics":["price:EURUSD"]}}`, `ask("__subscribe", {topic: "price:EURUSD"})`)
	feed := startFeed(app.hub, apiKey)
	arrives := func() {
		t.Helper()
		if got := ada.run(t, "pricesAfter(prices.length)"); strings.Contains(got, " ") || strings.HasPrefix(got, "1006") {
			t.Fatalf("got the close %s, want further prices", got)
		}
	}
	arrives()

	ada.expect(t, `{"type":"__reject","id":"request-3","payload":{"topic":"order","reason":"forbidden"}}`, `ask("__subscribe", {topic: "order"})`)
	bob.expect(t, `{"type":"__ack","id":"request-1","payload":{"topics":["chat:ada"]}}`, `ask("__subscribe", {topic: "chat:ada"})`)
	ada.run(t, `send("chat", "ada", "hello")`)
	bob.expect(t, `{"type":"chat","id":"ada","payload":"hello"}`, `next((event) => event.type === "chat")`)
	for _, topic := range []string{"chat:bob", "price:EURUSD"} {
		ada.run(t, `send(..."%s".split(":"), "mine")`, topic)
		ada.expect(t, `{"type":"__reject","id":"","payload":{"topic":"`+topic+`","reason":"forbidden"}}`, `next((event) => event.type === "__reject")`)
	}

	late.expect(t, `4401 {"reason":"identity expired"}`, "end()")
	arrives()

	rewrite(t, keyFile, read(t, nextPublic))
	app.hub.signal(t, syscall.SIGHUP)
	if got, want := fmt.Sprint(app.hub.output.await(t, "configuration reloaded")["changed"]), "[jwt-key]"; got != want {
		t.Errorf("got the changes %s, want %s", got, want)
	}
	late.connect(t, makeToken(t, nextPrivate, allowed...))
	late.expect(t, `{"type":"__ack","id":"request-1","payload":{"topics":["chat:ada"]}}`, `ask("__subscribe", {topic: "chat:ada"})`)
	stranger := app.open(t, browser)
	stranger.connect(t, lasting)
	if got := stranger.run(t, "end()"); !strings.HasPrefix(got, "4401") {
		t.Errorf("got the close %s with a token of the old key, want 4401", got)
	}
	refused := app.hub.output.await(t, "handshake refused")
	if refused["address"] != "127.0.0.1:0" || refused["origin"] != app.site || "http://"+fmt.Sprint(refused["host"]) != app.site {
		t.Errorf("got the line %v, want the address of the browser, without the proxy's port, and %s as origin and host", refused, app.site)
	}
	arrives()

	before := int(feed.matched.Load())
	app.hub.terminate(t)
	for _, tab := range []appTab{ada, late, bob} {
		if got := tab.run(t, "end()"); !strings.HasPrefix(got, "1012") {
			t.Errorf("got the close %s after SIGTERM, want 1012", got)
		}
	}
	<-feed.ended
	if feed.err != nil {
		t.Fatal(feed.err)
	}
	checkPrices(t, ada, feed, before)
}

// checkPrices says whether the page got each number once and in order, up to before at least, the last one that was answered before
// the drain: what is published beside the drain may come behind the close.
func checkPrices(t *testing.T, page appTab, feed *priceFeed, before int) {
	t.Helper()
	var got []int
	if err := json.Unmarshal([]byte(page.run(t, "JSON.stringify(prices)")), &got); err != nil {
		t.Fatal(err)
	}
	for i, n := range got {
		if n != i+1 {
			t.Fatalf("got the number %d in place %d, want each once and in order", n, i+1)
		}
	}
	most := int(feed.matched.Load())
	if feed.unanswered {
		most++
	}
	if len(got) < before || len(got) > most || before == 0 {
		t.Errorf("got %d numbers, want %d to %d", len(got), before, most)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func rewrite(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
