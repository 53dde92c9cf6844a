package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// screenshots is the directory for pictures of the page: the one that the variable
// SCREENSHOTS names, or a temporary one.
func screenshots(t *testing.T) string {
	if directory := os.Getenv("SCREENSHOTS"); directory != "" {
		return directory
	}
	return t.TempDir()
}

// startBrowser returns the context that tabs are opened in.
func startBrowser(t *testing.T, more ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	foreign(t)
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		unavailable(t, "Chromium is not installed")
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.WindowSize(1200, 800),
		chromedp.Flag("host-resolver-rules", "MAP *.test 127.0.0.1"),
	}
	for _, flag := range []string{
		"headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
		"disable-component-update", "disable-sync", "disable-dev-shm-usage", "hide-scrollbars",
	} {
		options = append(options, chromedp.Flag(flag, true))
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), append(options, more...)...)
	t.Cleanup(stop)
	browser, closeBrowser := chromedp.NewContext(allocator)
	t.Cleanup(closeBrowser)
	if err := chromedp.Do(browser); err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	return browser
}

// tab is one tab of the browser with the page in it.
type tab struct {
	ctx      context.Context
	mu       sync.Mutex
	problems []string
}

// openTab loads the built-in page and waits until it is connected.
func openTab(t *testing.T, browser context.Context, address string) *tab {
	t.Helper()
	opened := openAnyTab(t, browser, address)
	opened.do(t, chromedp.WaitVisible(`#state[data-state="open"]`))
	return opened
}

// openAnyTab loads a page.
func openAnyTab(t *testing.T, browser context.Context, address string) *tab {
	t.Helper()
	opened := &tab{}
	ctx, closeTab := chromedp.NewContext(browser, chromedp.WithListener(opened.listen))
	t.Cleanup(closeTab)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	opened.ctx = ctx
	opened.do(t, chromedp.Navigate(address))
	return opened
}

func (b *tab) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch event := event.(type) {
	case *runtime.EventExceptionThrown:
		b.problems = append(b.problems, event.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		b.problems = append(b.problems, event.Entry.Text)
	}
}

// faults are the exceptions of the page's script and the complaints of the browser so far.
func (b *tab) faults() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.problems...)
}

func (b *tab) do(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := b.front(t)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.screenshot(t, filepath.Join(os.TempDir(), "spokehub-failed.png"))
		t.Fatalf("got the error %v, want none", err)
	}
}

// front shows the tab, because Chromium draws only that one, and bounds the time of what follows.
func (b *tab) front(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	if _, err := chromedp.Call(ctx, page.BringToFront, cdp.Empty{}); err != nil {
		t.Fatalf("show the tab: %v", err)
	}
	return ctx, cancel
}

func (b *tab) text(t *testing.T, selector string) string {
	t.Helper()
	ctx, cancel := b.front(t)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.TextContent(selector))
	if err != nil {
		t.Fatalf("read %s: %v", selector, err)
	}
	return text
}

func (b *tab) subscribe(t *testing.T, topic string) {
	t.Helper()
	b.do(t,
		chromedp.SendKeys("#topic", topic+"\r"),
		chromedp.WaitVisible(`#chips button[data-topic="`+topic+`"]:not([data-pending])`),
	)
}

func (b *tab) publish(t *testing.T, typ, id, payload string) {
	t.Helper()
	b.do(t,
		fill("#type", typ),
		fill("#id", id),
		fill("#payload", payload),
		chromedp.Click("#send"),
	)
}

// fill replaces the value of a field as a user would.
func fill(selector, value string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](fmt.Sprintf(
		`{ const field = document.querySelector(%q); field.value = %q; field.dispatchEvent(new Event("input", { bubbles: true })); undefined }`,
		selector, value))
}

func (b *tab) awaitRow(t *testing.T, way, topic, body string) {
	t.Helper()
	b.do(t, chromedp.WaitVisible(`//ol[@id="log"]/li[@class="`+way+`" and span[@class="topic"]="`+topic+`" and span[@class="body"]='`+body+`']`))
}

func (b *tab) screenshot(t *testing.T, file string) {
	t.Helper()
	ctx, cancel := b.front(t)
	defer cancel()
	image, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatalf("take a picture: %v", err)
	}
	if err := os.WriteFile(file, image, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Logf("a picture of the page: %s", file)
}

func TestOneTabSubscribesAndReceivesWhatAnotherPublishes(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	hub := startHub(t, nil)
	subscriber, publisher := openTab(t, browser, hub.page), openTab(t, browser, hub.page)
	subscriber.subscribe(t, "price:EURUSD")
	subscriber.subscribe(t, "order.created")
	publisher.subscribe(t, "order.created")
	publisher.publish(t, "price", "EURUSD", `{"bid": 1.0841, "ask": 1.0843}`)
	publisher.publish(t, "price", "USDJPY", `157.2`)
	publisher.publish(t, "order.created", "42", `{"total": 12.5, "for": "<b>you</b>"}`)

	publisher.awaitRow(t, "out", "order.created:42", `{"total": 12.5, "for": "<b>you</b>"}`)
	subscriber.awaitRow(t, "in", "price:EURUSD", `{"bid":1.0841,"ask":1.0843}`)
	subscriber.awaitRow(t, "in", "order.created:42", `{"total":12.5,"for":"<b>you</b>"}`)
	if got, want := subscriber.text(t, "#tally"), "2 received"; got != want {
		t.Errorf("got the tally %q, want %q", got, want)
	}
	if got := publisher.text(t, "#tally"); got != "" {
		t.Errorf("got the tally %q in the tab that published, want none", got)
	}
	subscriber.do(t, chromedp.WaitVisible(`//span[@data-counter="deliveries" and text()="2"]`))

	directory := screenshots(t)
	subscriber.screenshot(t, filepath.Join(directory, "subscriber.png"))
	publisher.do(t, chromedp.Click("#theme"), chromedp.Click("#theme"))
	publisher.screenshot(t, filepath.Join(directory, "publisher-dark.png"))
	for _, tab := range []*tab{subscriber, publisher} {
		if faults := tab.faults(); len(faults) > 0 {
			t.Errorf("got from the browser %q, want no complaint", faults)
		}
	}
}

func TestPageRejectsWhatTheHubWould(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	hub := startHub(t, nil)
	own := openTab(t, browser, hub.page)
	for topic, words := range map[string]string{"price:": "neither of them empty", "__ack": "reserved"} {
		own.do(t, fill("#topic", ""), chromedp.SendKeys("#topic", topic+"\r"),
			chromedp.WaitVisible(`//p[@id="topic-hint" and contains(., "`+words+`")]`))
	}
	own.publish(t, "price", "", `{"bid": }`)
	own.do(t, chromedp.WaitVisible(`#payload[aria-invalid="true"]`))
	if got, want := own.text(t, "#publish-hint"), "The payload is not JSON"; !strings.HasPrefix(got, want) {
		t.Errorf("got the hint %q, want it to begin with %q", got, want)
	}
	own.publish(t, "a:b", "", `1`)
	own.do(t, chromedp.WaitVisible(`#type[aria-invalid="true"]`))
	if stats := hub.stats(t); stats.EventsIn != 0 {
		t.Errorf("got %d events at the hub, want 0", stats.EventsIn)
	}
}

func TestPageFiltersAndPausesItsLog(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	hub := startHub(t, nil)
	own := openTab(t, browser, hub.page)
	own.subscribe(t, "news")
	post(t, hub.admin+"publish", "", `{"type":"news","payload":"first"}`+"\n"+`{"type":"news","payload":"second"}`)
	own.awaitRow(t, "in", "news", `"second"`)
	own.do(t, chromedp.SendKeys("#filter", "FIRST"), chromedp.WaitNotVisible(`#log li:first-child`), chromedp.WaitVisible(`#log li:last-child`))
	own.do(t, fill("#filter", ""), chromedp.Click("#pause"))
	post(t, hub.admin+"publish", "", `{"type":"news","payload":"third"}`)
	own.do(t, chromedp.WaitVisible(`//span[@id="tally" and contains(., "1 not shown while paused")]`))
	own.do(t, chromedp.Click("#pause"), chromedp.Click("#clear"), chromedp.WaitVisible("#empty"))
	own.do(t, chromedp.Click(`#chips button`), chromedp.WaitNotPresent(`#chips button`))
}

// watchForRestart has the page keep in mind that its note has told of a restart, for the next try to connect replaces the note.
func (b *tab) watchForRestart(t *testing.T) {
	t.Helper()
	b.do(t, chromedp.Evaluate[chromedp.Void](`{ const words = document.querySelector("#note-words"); new MutationObserver(() => {
		if (words.textContent.includes("1012: the hub is restarting")) document.body.dataset.restarting = "told";
	}).observe(words, { childList: true }); undefined }`))
}

func (b *tab) awaitRestart(t *testing.T) {
	t.Helper()
	b.do(t, chromedp.WaitVisible(`body[data-restarting="told"]`))
}

// ownLoopback is an address on which a port that was given back stays free: connections of others have it at 127.0.0.1. Only Linux has more
// than that.
func ownLoopback() string {
	if goruntime.GOOS == "linux" {
		return "127.0.0.77"
	}
	return "127.0.0.1"
}

func TestPageReconnectsAfterARestartWithItsTopics(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	hub := startHubOn(t, nil, "--listen="+ownLoopback()+":0", "--admin=127.0.0.1:0")
	own := openTab(t, browser, hub.page)
	own.subscribe(t, "news")
	own.watchForRestart(t)
	hub.terminate(t)
	own.awaitRestart(t)
	own.screenshot(t, filepath.Join(screenshots(t), "restarting.png"))

	again := startHubOn(t, nil, "--listen="+strings.Trim(strings.TrimPrefix(hub.page, "http:"), "/"), "--admin=127.0.0.1:0")
	own.do(t, chromedp.WaitVisible(`#state[data-state="open"]`), chromedp.WaitVisible(`#chips button:not([data-pending])`))
	post(t, again.admin+"publish", "", `{"type":"news","payload":"after"}`)
	own.awaitRow(t, "in", "news", `"after"`)
	own.do(t, chromedp.Click("#connect"), chromedp.WaitVisible(`#state[data-state="closed"]`))
}
