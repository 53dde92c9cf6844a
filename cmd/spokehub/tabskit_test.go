package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"github.com/spokehub/spokehub/internal/jsbuild"
)

// builtClient returns the directory of the JavaScript client as npm builds it, which is made once.
var builtClient = sync.OnceValues(func() (string, error) {
	directory, err := os.MkdirTemp(filepath.Dir(binary), "js")
	if err != nil {
		return "", err
	}
	return jsbuild.Directory(context.Background(), clientSource, directory)
})

// clientSource is where the source of the JavaScript client is.
var clientSource = filepath.Join("..", "..", "js")

// clientDirectory is builtClient. Where it has not been built the test is skipped, unless the variable CI is true.
func clientDirectory(t *testing.T) string {
	t.Helper()
	foreign(t)
	if os.Getenv("CI") != "true" && !jsbuild.IsBuilt(clientSource) {
		t.Skip("the JavaScript client is not built: run npm ci && npm run build in js")
	}
	directory, err := builtClient()
	if err != nil {
		t.Fatal(err)
	}
	absolute, err := filepath.Abs(directory)
	if err != nil {
		t.Fatal(err)
	}
	return absolute
}

// shop is a site whose pages, testdata/tabs.html, have the JavaScript client, and the hub that they connect to.
type shop struct {
	hub     *process
	site    string
	browser context.Context
	// more are parameters of its pages.
	more string
}

// openShop serves the site and runs a hub that lets its pages in.
func openShop(t *testing.T, more string, arguments ...string) *shop {
	t.Helper()
	built := filepath.Join(clientDirectory(t), "dist")
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServer(http.Dir(built)))
	mux.Handle("/tabs.html", http.FileServer(http.Dir("testdata")))
	mux.HandleFunc("/elsewhere.html", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<!doctype html><title>Elsewhere</title>") })
	site := httptest.NewServer(mux)
	t.Cleanup(site.Close)
	browser := startBrowser(t)
	arguments = append(arguments, "--admin=127.0.0.1:0", "--origin="+site.URL)
	if !slices.ContainsFunc(arguments, func(argument string) bool { return strings.HasPrefix(argument, "--listen=") }) {
		arguments = append(arguments, "--listen=127.0.0.1:0")
	}
	return &shop{hub: startHubOn(t, nil, arguments...), site: site.URL, browser: browser, more: more}
}

// enter opens a tab with the page and returns once its target is open.
func (s *shop) enter(t *testing.T) appTab {
	t.Helper()
	opened := appTab{openAnyTab(t, s.browser, s.site+"/tabs.html?hub="+url.QueryEscape(s.hub.websocket)+s.more)}
	opened.do(t, chromedp.WaitReady(`body[data-loaded]`))
	opened.expect(t, "undefined", `until(() => target.state === "ready")`)
	return opened
}

// hears has the tab listen to the topic, and returns once the hub knows.
func (s *shop) hears(t *testing.T, listener appTab, topic string) {
	t.Helper()
	listener.run(t, "hear(%q)", topic)
	s.settle(t, listener, topic)
}

// settle publishes probes until the tab has got one of that topic.
func (s *shop) settle(t *testing.T, listener appTab, topic string) {
	t.Helper()
	listener.run(t, "settled.delete(%q)", topic)
	s.await(t, "a probe of "+topic, func() bool {
		s.publish(t, topic, `"probe"`)
		return listener.run(t, `settled.has(%q)`, topic) == "true"
	})
}

// await polls until what it waits for is there.
func (s *shop) await(t *testing.T, what string, there func() bool) {
	t.Helper()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for end := time.After(patience); !there(); {
		select {
		case <-again.C:
		case <-end:
			t.Fatalf("got no sign of %s, want one", what)
		}
	}
}

// publish has the hub send an event.
func (s *shop) publish(t *testing.T, topic, payload string) {
	t.Helper()
	typ, id, _ := strings.Cut(topic, ":")
	post(t, s.hub.admin+"publish", "", fmt.Sprintf(`{"type":%q,"id":%q,"payload":%s}`, typ, id, payload))
}

// awaitConnections returns once the hub has so many.
func (s *shop) awaitConnections(t *testing.T, want uint64) {
	t.Helper()
	s.await(t, fmt.Sprintf("%d connections", want), func() bool { return s.hub.stats(t).Connections == want })
}

// behind sends a protocol command to a tab without showing it.
func behind[P, R any](t *testing.T, tab appTab, command cdp.Command[P, R], parameters P) R {
	t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	result, err := chromedp.Call(ctx, command, parameters)
	if err != nil {
		t.Fatalf("%s: %v", command.Method, err)
	}
	return result
}

// crash kills the process that renders the tab. The command has no answer then.
func (a appTab) crash(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(a.ctx)
	t.Cleanup(cancel)
	go chromedp.Call(ctx, page.Crash, cdp.Empty{})
}

// close closes the tab as a user does.
func (a appTab) close(t *testing.T) {
	t.Helper()
	behind(t, a, page.Close, cdp.Empty{})
}

// freeze stops the tab's tasks, or lets them go on.
func (a appTab) freeze(t *testing.T, state page.SetWebLifecycleStateState) {
	t.Helper()
	behind(t, a, page.SetWebLifecycleState, page.SetWebLifecycleStateParams{State: state})
}

// hang keeps the tab's thread busy for ever, once the command has returned.
func (a appTab) hang(t *testing.T) {
	t.Helper()
	a.run(t, "void setTimeout(() => { for (;;); })")
}

// endWorkers ends the shared workers, as a browser does that is short of memory.
func (s *shop) endWorkers(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(s.browser, patience)
	defer cancel()
	infos, err := chromedp.CallBrowser(ctx, target.GetTargets, target.GetTargetsParams{Filter: target.Filter{{Type: "shared_worker"}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(infos.TargetInfos) != 1 {
		t.Fatalf("got %d shared workers, want 1", len(infos.TargetInfos))
	}
	if _, err := chromedp.CallBrowser(ctx, target.CloseTarget, target.CloseTargetParams{TargetID: infos.TargetInfos[0].TargetID}); err != nil {
		t.Fatalf("end the shared worker: %v", err)
	}
}

// visitElsewhere has the tab leave the page, which goes into the back-forward cache, and come back to it after meanwhile.
func (s *shop) visitElsewhere(t *testing.T, tab appTab, meanwhile func()) {
	t.Helper()
	tab.run(t, "(window.kept = 1)")
	behind(t, tab, page.Navigate, page.NavigateParams{URL: s.site + "/elsewhere.html"})
	s.await(t, "the other page", func() bool { return tab.run(t, "document.title") == "Elsewhere" })
	meanwhile()
	history := behind(t, tab, page.GetNavigationHistory, cdp.Empty{})
	before := history.Entries[len(history.Entries)-2]
	behind(t, tab, page.NavigateToHistoryEntry, page.NavigateToHistoryEntryParams{EntryID: before.ID})
	s.await(t, "the page from the cache", func() bool { return tab.run(t, "window.kept") == "1" })
}

// offline takes the network from the tab, or gives it back.
func (a appTab) offline(t *testing.T, offline bool) {
	t.Helper()
	behind(t, a, network.OverrideNetworkState, network.OverrideNetworkStateParams{Offline: offline})
}

// command runs the binary, which has to succeed, and returns what it prints.
func command(t *testing.T, arguments ...string) string {
	t.Helper()
	output, failure, code := runBinary(t, nil, arguments...)
	if code != 0 {
		t.Fatalf("spokehub %v: got exit code %d, want 0: %s", arguments, code, failure)
	}
	return output
}
