package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

func TestPageShowsTheTokenOfItsFragment(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	private, public := makeKey(t, "EdDSA")
	token := makeToken(t, private, "--subscribe=price", "--publish=price")
	hub := startHub(t, nil, "--jwt-key="+public)
	ada := openTab(t, browser, hub.page+"#token="+token)
	ada.subscribe(t, "price")
	ada.do(t, chromedp.SendKeys("#topic", "order\r"))
	ada.awaitRow(t, "refused", "order", "the hub forbids it")
	ctx, cancel := ada.front(t)
	defer cancel()
	if got, err := chromedp.Run(ctx, chromedp.Evaluate[string]("location.href")); err != nil || strings.Contains(got, token) {
		t.Errorf("got the address %q and error %v, want one without the token", got, err)
	}
}

// awaitNote waits for words in the note at the top of the page.
func (b *tab) awaitNote(t *testing.T, words ...string) {
	t.Helper()
	for _, w := range words {
		b.do(t, chromedp.WaitVisible(`//p[@id="note" and contains(., '`+w+`')]`))
	}
}

// narrow shows the page as wide as a telephone's screen, where nothing of it may stand outside, and takes a picture.
func (b *tab) narrow(t *testing.T, file string) {
	t.Helper()
	b.do(t, chromedp.EmulateViewport(390, 844))
	b.screenshot(t, file)
	ctx, cancel := b.front(t)
	defer cancel()
	if width, err := chromedp.Run(ctx, chromedp.Evaluate[int]("document.documentElement.scrollWidth")); err != nil || width > 390 {
		t.Errorf("got a page %d px wide and error %v, want 390 at most", width, err)
	}
}

func TestPageSaysWhatToDoAboutARefusal(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	private, public := makeKey(t, "EdDSA")
	stranger, _ := makeKey(t, "EdDSA")
	for name, c := range map[string]struct {
		token func() string
		flags []string
		words []string
	}{
		"no token where one is asked for": {func() string { return "" }, []string{"--jwt-key=" + public, "--handshake-timeout=1s"}, []string{"4401: not authenticated", "This hub asks for a token", "#token=TOKEN"}},
		"a token of somebody else":        {func() string { return makeToken(t, stranger) }, []string{"--jwt-key=" + public}, []string{"4401: not authenticated (the token", "another token", "#token=TOKEN"}},
		"a token that runs out":           {func() string { return makeToken(t, private, "--expires=10s") }, []string{"--jwt-key=" + public}, []string{"4401: not authenticated (identity expired)", "another token", "#token=TOKEN"}},
		"a page of another origin":        {func() string { return "" }, []string{"--origin=https://a.example"}, []string{"failed with 1006", "handshake refused", "With the status 403 there", "--origin=http://127.0.0.1:", "Host, Upgrade and Connection"}},
	} {
		t.Run(name, func(t *testing.T) {
			hub := startHub(t, nil, append(c.flags, "--jwt-leeway=0s")...)
			own := openAnyTab(t, browser, hub.page+"#token="+c.token())
			own.awaitNote(t, c.words...)
			directory, file := screenshots(t), strings.ReplaceAll(name, " ", "-")
			own.screenshot(t, filepath.Join(directory, file+".png"))
			own.narrow(t, filepath.Join(directory, file+"-390.png"))
		})
	}
}

func TestPageTellsWhatItMayNotPublish(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	private, public := makeKey(t, "EdDSA")
	hub := startHub(t, nil, "--jwt-key="+public)
	own := openTab(t, browser, hub.page+"#token="+makeToken(t, private, "--subscribe=price"))
	own.subscribe(t, "price")
	own.publish(t, "price", "", "1")
	own.awaitRow(t, "refused", "price", "the hub forbids it")
	own.do(t, chromedp.WaitVisible(`//p[@id="publish-hint" and contains(., "price: the hub forbids it")]`),
		chromedp.WaitVisible(`#chips button[data-topic="price"]:not([data-pending])`))
	if got := own.text(t, "#topic-hint"); got != "" {
		t.Errorf("got %q under the form for subscriptions, want nothing", got)
	}
	own.screenshot(t, filepath.Join(screenshots(t), "forbidden.png"))
	own.narrow(t, filepath.Join(screenshots(t), "forbidden-390.png"))
	if faults := own.faults(); len(faults) > 0 {
		t.Errorf("got from the browser %q, want no complaint", faults)
	}
}
