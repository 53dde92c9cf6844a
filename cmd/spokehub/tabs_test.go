package main

import (
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
)

// forms are the ways in which tabs share a socket, by what the page's address says.
var forms = map[string]string{"in a shared worker": "", "in a tab": "&fallback"}

func TestTabsShareOneSocket(t *testing.T) {
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
			leave(t, leader)
			second.run(t, `sayUntilRead("news", "said meanwhile")`)
			third.run(t, `hears('news="said meanwhile"')`)
			s.settle(t, second, "news")
			s.publish(t, "news", "1")
			second.run(t, "hears('news=1')")
			third.run(t, "hears('news=1')")
		})
	}
}

func TestTabTakesOverFromASharedWorkerThatIsGone(t *testing.T) {
	s := openShop(t, "")
	first, second := s.enter(t), s.enter(t)
	s.hears(t, first, "news")
	s.hears(t, second, "news")
	s.endWorkers(t)
	first.run(t, `sayUntilRead("news", "said meanwhile")`)
	second.run(t, `hears('news="said meanwhile"')`)
	s.settle(t, first, "news")
	s.awaitConnections(t, 1)
}

func TestFrozenTabGetsWhatItMissedWhenItResumes(t *testing.T) {
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
	for form, parameter := range forms {
		t.Run(form, func(t *testing.T) {
			s := openShop(t, parameter)
			staying, leaving := s.enter(t), s.enter(t)
			s.hears(t, staying, "news")
			s.hears(t, leaving, "news")
			leaving.run(t, "(window.kept = 1)")
			behind(t, leaving, page.Navigate, page.NavigateParams{URL: s.site + "/elsewhere.html"})
			s.await(t, "the other page", func() bool { return leaving.run(t, "document.title") == "Elsewhere" })
			s.settle(t, staying, "news")
			history := behind(t, leaving, page.GetNavigationHistory, cdp.Empty{})
			before := history.Entries[len(history.Entries)-2]
			behind(t, leaving, page.NavigateToHistoryEntry, page.NavigateToHistoryEntryParams{EntryID: before.ID})
			s.await(t, "the page from the cache", func() bool { return leaving.run(t, "window.kept") == "1" })
			s.settle(t, leaving, "news")
			s.awaitConnections(t, 1)
		})
	}
}

func TestTabsOfAnotherHubHaveASocketOfTheirOwn(t *testing.T) {
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
