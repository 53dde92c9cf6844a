package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
)

// forms are the ways in which tabs share a socket, by what the page's address says.
var forms = map[string]string{"in a shared worker": "", "in a tab": "&fallback"}

func TestTabsShareOneSocket(t *testing.T) {
	t.Parallel()
	for form, parameter := range forms {
		t.Run(form, func(t *testing.T) {
			s := openShop(t, parameter)
			first, second := s.enter(t), s.enter(t)
			s.hears(t, first, "news")
			s.hears(t, second, "news")
			s.hears(t, second, "price:EURUSD")
			s.publish(t, "news", `{"n":1}`)
			first.expect(t, `news={"n":1}`, `hears('news={"n":1}')`)
			second.expect(t, `news={"n":1}`, `hears('news={"n":1}')`)
			s.awaitConnections(t, 1)
			if got := s.hub.stats(t).Subscriptions; got != 2 {
				t.Errorf("got %d subscriptions at the hub, want 2: of both topics once", got)
			}

			first.expect(t, "true", `say("news", "from the first")`)
			second.expect(t, `news={"n":1} news="from the first"`, `hears('news="from the first"')`)
			second.expect(t, "true", `say("news", "from the second")`)
			first.expect(t, `news={"n":1} news="from the second"`, `hears('news="from the second"')`)
			for _, tab := range []appTab{first, second} {
				if faults := tab.faults(); len(faults) > 0 {
					t.Errorf("got from the browser %q, want no complaint", faults)
				}
			}
		})
	}
}

func TestTabGivesUpItsTopics(t *testing.T) {
	t.Parallel()
	for way, leave := range map[string]func(*testing.T, appTab){
		"that is closed":         func(t *testing.T, tab appTab) { tab.close(t) },
		"that crashes":           func(t *testing.T, tab appTab) { tab.crash(t) },
		"that closes its target": func(t *testing.T, tab appTab) { tab.run(t, "target.close()") },
	} {
		t.Run(way, func(t *testing.T) {
			s := openShop(t, "")
			staying, leaving := s.enter(t), s.enter(t)
			s.hears(t, staying, "news")
			s.hears(t, leaving, "price")
			leave(t, leaving)
			s.await(t, "one subscription", func() bool { return s.hub.stats(t).Subscriptions == 1 })
			s.settle(t, staying, "news")
			s.publish(t, "news", "1")
			staying.run(t, "hears('news=1')")
			s.awaitConnections(t, 1)
		})
	}
}

func TestAnotherTabTakesOverFromALeader(t *testing.T) {
	for way, leave := range map[string]func(*testing.T, appTab){
		"that is closed":         func(t *testing.T, tab appTab) { tab.close(t) },
		"that crashes":           func(t *testing.T, tab appTab) { tab.crash(t) },
		"that is frozen":         func(t *testing.T, tab appTab) { tab.freeze(t, page.SetWebLifecycleStateStateFrozen) },
		"that closes its target": func(t *testing.T, tab appTab) { tab.run(t, "target.close()") },
		"that hangs":             func(t *testing.T, tab appTab) { tab.hang(t) },
	} {
		t.Run(way, func(t *testing.T) {
			s := openShop(t, forms["in a tab"])
			leader, second, third := s.enter(t), s.enter(t), s.enter(t)
			s.hears(t, second, "news")
			s.hears(t, third, "news")
			outside := connect(t, s.hub.websocket)
			outside.subscribe(t, "said")
			leave(t, leader)
			second.run(t, `sayUntilRead("said", "meanwhile")`)
			if got, want := outside.receive(t), `{"type":"said","id":"","payload":"meanwhile"}`; got != want {
				t.Errorf("got %s from the tab, want %s", got, want)
			}
			s.settle(t, second, "news")
			s.settle(t, third, "news")
			s.publish(t, "news", "1")
			second.run(t, "hears('news=1')")
			third.run(t, "hears('news=1')")
			third.run(t, `sayUntilRead("news", "from the third")`)
			second.run(t, `hears('news="from the third"')`)
		})
	}
}

func TestTabTakesOverFromASharedWorkerThatIsGone(t *testing.T) {
	t.Parallel()
	s := openShop(t, "")
	first, second := s.enter(t), s.enter(t)
	s.hears(t, first, "news")
	s.hears(t, second, "news")
	s.endWorkers(t)
	first.run(t, `sayUntilRead("news", "said meanwhile")`)
	s.settle(t, first, "news")
	s.settle(t, second, "news")
	s.awaitConnections(t, 1)
}

func TestFrozenTabGetsWhatItMissedWhenItResumes(t *testing.T) {
	t.Parallel()
	for form, parameter := range forms {
		t.Run(form, func(t *testing.T) {
			s := openShop(t, parameter)
			awake, asleep := s.enter(t), s.enter(t)
			s.hears(t, awake, "news")
			s.hears(t, asleep, "news")
			asleep.freeze(t, page.SetWebLifecycleStateStateFrozen)
			s.publish(t, "news", "1")
			awake.run(t, "hears('news=1')")
			asleep.freeze(t, page.SetWebLifecycleStateStateActive)
			asleep.run(t, "hears('news=1')")
			s.awaitConnections(t, 1)
		})
	}
}

func TestFrozenLeaderComesBackAsAnyTab(t *testing.T) {
	t.Parallel()
	s := openShop(t, forms["in a tab"])
	leader, second := s.enter(t), s.enter(t)
	s.hears(t, leader, "news")
	s.hears(t, second, "news")
	leader.freeze(t, page.SetWebLifecycleStateStateFrozen)
	s.settle(t, second, "news")
	leader.freeze(t, page.SetWebLifecycleStateStateActive)
	s.settle(t, leader, "news")
	s.awaitConnections(t, 1)
	second.close(t)
	s.settle(t, leader, "news")
	s.awaitConnections(t, 1)
}

func TestTabInTheBackForwardCacheComesBack(t *testing.T) {
	t.Parallel()
	for form, parameter := range forms {
		t.Run(form, func(t *testing.T) {
			s := openShop(t, parameter)
			staying, leaving := s.enter(t), s.enter(t)
			s.hears(t, staying, "news")
			s.hears(t, leaving, "news")
			s.visitElsewhere(t, leaving, func() { s.settle(t, staying, "news") })
			s.settle(t, leaving, "news")
			s.awaitConnections(t, 1)
		})
	}
}

func TestTabsDoWithoutASharedWorkerThatCanNotBeHad(t *testing.T) {
	t.Parallel()
	for reason, parameter := range map[string]string{
		"for it is not there":         "&script=/missing.js",
		"for it is of another origin": "&script=https://elsewhere.test/shared-worker.js",
	} {
		t.Run(reason, func(t *testing.T) {
			s := openShop(t, parameter)
			first, second := s.enter(t), s.enter(t)
			s.hears(t, first, "news")
			s.hears(t, second, "news")
			s.awaitConnections(t, 1)
		})
	}
}

func TestTabsOfAnotherHubHaveASocketOfTheirOwn(t *testing.T) {
	t.Parallel()
	s := openShop(t, "")
	other := startHub(t, nil, "--origin="+s.site)
	first := s.enter(t)
	elsewhere := *s
	elsewhere.hub = other
	second := elsewhere.enter(t)
	s.hears(t, first, "news")
	elsewhere.hears(t, second, "news")
	s.awaitConnections(t, 1)
	elsewhere.awaitConnections(t, 1)
}

func TestTabsHaveTheTokenOfOneOfThem(t *testing.T) {
	t.Parallel()
	for form, parameter := range forms {
		t.Run(form, func(t *testing.T) {
			key := filepath.Join(t.TempDir(), "hub.key")
			command(t, "token", "key", "--out", key)
			token := strings.TrimSpace(command(t, "token", "make", "--key", key, "--user", "ada", "--subscribe", "*", "--publish", "*", "--expires", "1h"))
			s := openShop(t, parameter+"&token="+token, "--jwt-key="+key+".pub")
			first, second := s.enter(t), s.enter(t)
			s.hears(t, first, "news")
			s.hears(t, second, "news")
			s.awaitConnections(t, 1)
			first.expect(t, "1", "window.asked")
			second.expect(t, "0", "window.asked ?? 0")
		})
	}
}

func TestSpokeOfAPageThatWasOfflineComesBack(t *testing.T) {
	t.Parallel()
	s := openShop(t, "&own", "--listen="+ownLoopback()+":0")
	only := s.enter(t)
	s.hears(t, only, "news")
	only.offline(t, true)
	only.expect(t, "false", "navigator.onLine")
	address := addressOf(t, s.hub.page)
	s.hub.terminate(t)
	only.run(t, `until(() => target.state === "waiting")`)
	s.hub = startHubOn(t, nil, "--listen="+address, "--admin=127.0.0.1:0", "--origin="+s.site)
	only.offline(t, false)
	only.run(t, `until(() => target.state === "ready")`)
	s.settle(t, only, "news")
	s.awaitConnections(t, 1)
}

func TestSpokeOfAPageInTheBackForwardCacheComesBack(t *testing.T) {
	t.Parallel()
	s := openShop(t, "&own")
	only := s.enter(t)
	s.hears(t, only, "news")
	s.visitElsewhere(t, only, func() { s.awaitConnections(t, 0) })
	s.settle(t, only, "news")
}
