package main

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"
)

// startTrustingBrowser is a browser that trusts the authority as one does that a user or an administrator has told to.
func startTrustingBrowser(t *testing.T, a *authority) context.Context {
	t.Helper()
	certutil, err := exec.LookPath("certutil")
	if err != nil {
		unavailable(t, "certutil (libnss3-tools) is not installed")
	}
	home := t.TempDir()
	database := filepath.Join(home, ".pki", "nssdb")
	if err := os.MkdirAll(database, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, arguments := range [][]string{{"-N", "--empty-password"}, {"-A", "-n", "authority of a test", "-t", "C,,", "-i", a.file}} {
		if output, err := exec.Command(certutil, append([]string{"-d", "sql:" + database}, arguments...)...).CombinedOutput(); err != nil {
			t.Fatalf("certutil %v: %v\n%s", arguments, err, output)
		}
	}
	return startBrowser(t, chromedp.Env("HOME="+home))
}

func TestPageOverTLSInABrowserThatTrustsTheAuthority(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	certificate, key := a.issue(t, []string{"hub.test"}, nil).files(t)
	browser := startTrustingBrowser(t, a)
	hub := startHub(t, nil, "--host=hub.test", "--tls-cert="+certificate, "--tls-key="+key)
	_, port, _ := net.SplitHostPort(addressOf(t, hub.page))
	address := "https://hub.test:" + port + "/"
	subscriber, publisher := openTab(t, browser, address), openTab(t, browser, address)
	subscriber.subscribe(t, "price:EURUSD")
	publisher.publish(t, "price", "EURUSD", `{"bid": 1.0841}`)
	subscriber.awaitRow(t, "in", "price:EURUSD", `{"bid":1.0841}`)
	page := appTab{subscriber}
	page.expect(t, "true https:", `window.isSecureContext + " " + location.protocol`)
	page.expect(t, "wss://hub.test:"+port+"/ws", `new Promise((resolve) => { const s = new WebSocket("/ws"); s.onopen = () => { resolve(s.url); s.close() } })`)
	complaints := append(subscriber.faults(), publisher.faults()...)
	if len(complaints) > 0 {
		t.Errorf("got the complaints %q from the browser, want none", complaints)
	}
	subscriber.watchForRestart(t)
	hub.signal(t, syscall.SIGTERM)
	subscriber.awaitRestart(t)
	complaints = slices.DeleteFunc(append(subscriber.faults(), publisher.faults()...), func(text string) bool { return strings.Contains(text, "net::ERR_") })
	if len(complaints) > 0 {
		t.Errorf("got the complaints %q from the browser once the hub had gone, want none but that of connections", complaints)
	}
}

func TestBrowserThatDoesNotTrustTheAuthorityIsExplained(t *testing.T) {
	t.Parallel()
	hub := startSecureHub(t)
	ctx, closeTab := chromedp.NewContext(startBrowser(t))
	defer closeTab()
	if err := chromedp.Do(ctx, chromedp.Navigate(hub.page)); err == nil || !strings.Contains(err.Error(), "ERR_CERT_AUTHORITY_INVALID") {
		t.Errorf("got %v, want that the authority is not known", err)
	}
	if hint, _ := hub.output.await(t, "TLS handshake failed")["hint"].(string); !strings.Contains(hint, "trust") {
		t.Errorf("got the hint %q logged, want one at trust", hint)
	}
}
