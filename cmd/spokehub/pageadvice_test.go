package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/coder/websocket"

	"github.com/spokehub/spokehub/event"
)

// startClosingHub serves the built-in page of a hub that ends its first connection in that way, once it is there.
func startClosingHub(t *testing.T, end func(*websocket.Conn)) string {
	t.Helper()
	var connections atomic.Int64
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", newBuiltInPage("/ws", true))
	mux.Handle("GET "+clientPath, newClientScript())
	mux.HandleFunc("GET /stats.json", func(w http.ResponseWriter, _ *http.Request) { json.NewEncoder(w).Encode(publicStats{}) })
	mux.HandleFunc("/ws", func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"spokehub.v1"}})
		if err != nil {
			return
		}
		defer ws.CloseNow()
		if connections.Add(1) == 1 {
			time.AfterFunc(time.Second, func() { end(ws) })
		}
		for {
			_, message, err := ws.Read(r.Context())
			if err != nil {
				return
			}
			var asked struct {
				ID      string
				Payload json.RawMessage
			}
			if json.Unmarshal(message, &asked) == nil && asked.ID != "" {
				say(ws, string(event.Append(nil, event.Event{Type: "__ack", ID: asked.ID, Payload: asked.Payload})))
			}
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

func TestPageSaysWhatToDoAboutAClose(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	code := func(code websocket.StatusCode, reason string) func(*websocket.Conn) {
		return func(ws *websocket.Conn) { ws.Close(code, reason) }
	}
	for name, c := range map[string]struct {
		end   func(*websocket.Conn)
		words []string
		back  bool
	}{
		"1006": {func(ws *websocket.Conn) { ws.CloseNow() }, []string{"with 1006: the connection was lost", "The network is gone"}, true},
		"1013": {code(1013, ""), []string{"with 1013: this client read too slowly", "Subscribe to less"}, true},
		"4401": {code(4401, "identity expired"), []string{"with 4401: not authenticated (identity expired)", "This hub asks for a token"}, false},
		"4403": {code(4403, "banned"), []string{"with 4403", "(banned)", "Ask who runs the hub", "For another token"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			own := openAnyTab(t, browser, startClosingHub(t, c.end))
			own.watchForNote(t)
			for _, words := range c.words {
				own.awaitTold(t, words)
			}
			own.narrow(t, filepath.Join(screenshots(t), "closed-"+name+"-390.png"))
			if c.back {
				own.do(t, chromedp.WaitVisible(`#state[data-state="open"]`))
			} else {
				own.do(t, chromedp.WaitVisible(`#state[data-state="closed"]`))
			}
		})
	}
}

// watchForNote has the page keep what its note has said, for the next try to connect empties it.
func (b *tab) watchForNote(t *testing.T) {
	t.Helper()
	b.do(t, chromedp.Evaluate[chromedp.Void](`{ const words = document.querySelector("#note-words"); const keep = () => {
		if (words.textContent) document.body.dataset.told = (document.body.dataset.told || "") + words.textContent;
	}; keep(); new MutationObserver(keep).observe(words, { childList: true }); undefined }`))
}

func (b *tab) awaitTold(t *testing.T, words string) {
	t.Helper()
	appTab{b}.waitsFor(t, "a note with "+words, `(document.body.dataset.told || "").includes(%q)`, words)
}

func TestPageFitsATelephone(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	hub := startHub(t, nil)
	own := appTab{openTab(t, browser, hub.page)}
	own.subscribe(t, "news")
	own.narrow(t, filepath.Join(screenshots(t), "page-390.png"))
	own.expect(t, "", `[...document.querySelectorAll("button")].filter((b) => b.offsetHeight && (b.offsetHeight < 44 || b.offsetWidth < 44)).map((b) => b.id || b.textContent).join()`)
	own.expect(t, "true", `document.querySelector("#scroll").getBoundingClientRect().top < 844 - 100`)
	own.expect(t, "true", `document.querySelector("#log-title").getBoundingClientRect().top < document.querySelector("#publish-title").getBoundingClientRect().top`)
}

func TestPageShowsRates(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	hub := startHub(t, nil)
	own := appTab{openTab(t, browser, hub.page)}
	own.subscribe(t, "news")
	publisher := connect(t, hub.websocket)
	go func() {
		again := time.NewTicker(20 * time.Millisecond)
		defer again.Stop()
		for t.Context().Err() == nil {
			if publisher.conn.Write(t.Context(), websocket.MessageText, event.Append(nil, event.Event{Type: "news"})) != nil {
				return
			}
			<-again.C
		}
	}()
	for _, way := range []string{"in", "out"} {
		own.waitsFor(t, "a rate "+way, `((text) => parseFloat(text) > 5 && text.endsWith(%q))(document.querySelector('[data-rate="%s"]').textContent)`, fmt.Sprintf("/s %s", way), way)
	}
}
