package nats

import (
	"errors"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/internal/engines"
)

// oddNames are types and ids with all that a subject or a stream's name can't have, and pairs that a careless encoding would mix up.
var oddNames = []string{
	"order.created", "order created", "order_created", "Order_created", "*", ">", "a.*", "a.>", "%", "%25", "%2E", ".", "..", "a..b", "/", `\`, "$JS", "ä", "日本語", "\"quoted\"",
	"=", "%41", "A", "a", "\u00a0", "\u2028", strings.Repeat("x", 256), strings.Repeat("日", 85), strings.Repeat(".", 256), strings.Repeat("x", 255) + "y",
}

func TestOddNamesReachThoseWhoWantThemAlone(t *testing.T) {
	s := engines.NATS(t, engines.NATSOptions{})
	e, told := connect(t, s)
	var keys []broker.Key
	for _, name := range oddNames {
		keys = append(keys, plain(name, ""), plain("one", name), plain(name, name), broker.Key{Kind: broker.Stream, Type: name})
	}
	subscribe(t, e, keys...)
	want := map[string]int{}
	for _, name := range oddNames {
		publish(t, e, plain(name, ""), "type "+name)
		publish(t, e, plain("one", name), "id "+name)
		publish(t, e, plain(name, name), "both "+name)
		list := events(kept, name, "stream "+name)
		list[0].ID = name
		appendAll(t, e, list)
		if list[0].Position.Offset != 1 {
			t.Errorf("got the offset %d of the first event of %q, want 1: another type has the same stream", list[0].Position.Offset, name)
		}
		want["type "+name], want["id "+name], want["both "+name], want["stream "+name] = 1, 1, 2, 1
	}
	got := map[string]int{}
	for _, d := range told.awaitDeliveries(t, 5*len(oddNames)) {
		got[string(d.Data)]++
	}
	for text, count := range want {
		if got[text] != count {
			t.Errorf("got %q %d times, want %d", text, got[text], count)
		}
	}
	for _, name := range oddNames {
		page := readPage(t, e, broker.Query{Policy: kept, Type: name, Events: 10})
		if len(page.Entries) != 1 || string(page.Entries[0].Data) != "stream "+name {
			t.Errorf("got %+v of the stream of %q, want its event", page, name)
		}
	}
}

func TestStreamNamesAreShortAndTellTypesApart(t *testing.T) {
	s := subjects{prefix: strings.Repeat("p", maxPrefix)}
	seen := map[string]string{}
	for _, name := range oddNames {
		for _, kind := range []string{kindEvents, kindNewest} {
			stream := s.streamName(kind, name)
			if len(stream) > 255 || strings.ContainsAny(stream, " .*>/\\\t\r\n") {
				t.Errorf("got the stream name %q for %q, want at most 255 bytes without odd ones", stream, name)
			}
			if other, has := seen[strings.ToLower(stream)]; has {
				t.Errorf("got the stream name %q for %q and %q", stream, name, other)
			}
			seen[strings.ToLower(stream)] = name
		}
	}
	if got := (subjects{prefix: "spokehub"}).streamName(kindEvents, "price"); got != "spokehub_events_price" {
		t.Errorf("got the stream name %q for price, want one that people can read", got)
	}
}

func TestURLsAreReadAndNeverShown(t *testing.T) {
	for name, c := range map[string]struct {
		urls []string
		want string
		all  string
	}{
		"one":                      {[]string{"nats://a:1"}, "nats://a:1", "nats://a:1"},
		"one without a port":       {[]string{"nats://a"}, "nats://a:4222", "nats://a:4222"},
		"one without a scheme":     {[]string{"a:1"}, "nats://a:1", "nats://a:1"},
		"several that share all":   {[]string{"tls://u:secret@a:1,b:2, c"}, "tls://a:1, tls://b:2, tls://c:4222", "tls://u:secret@a:1 tls://u:secret@b:2 tls://u:secret@c:4222"},
		"several with their own":   {[]string{"nats://u:secret@a:1", "nats://v:secret@b:2"}, "nats://a:1, nats://b:2", "nats://u:secret@a:1 nats://v:secret@b:2"},
		"one with a token":         {[]string{"nats://secret@a:1"}, "nats://a:1", "nats://secret@a:1"},
		"an address of version 6":  {[]string{"nats://[::1]:1"}, "nats://[::1]:1", "nats://[::1]:1"},
		"a slash behind it":        {[]string{"nats://a:1/"}, "nats://a:1", "nats://a:1"},
		"an encoded odd password":  {[]string{"nats://u:s%40cret@a:1"}, "nats://a:1", "nats://u:s%40cret@a:1"},
		"not none":                 {nil, "", ""},
		"not an empty one":         {[]string{""}, "", ""},
		"not another scheme":       {[]string{"redis://u:secret@a:1"}, "", ""},
		"not a path":               {[]string{"nats://u:secret@a:1/x"}, "", ""},
		"not a raw odd password":   {[]string{"nats://u:sec%ret@a:1"}, "", ""},
		"not one without a host":   {[]string{"nats://u:secret@:1"}, "", ""},
		"not one that is no port":  {[]string{"nats://u:secret@a:x"}, "", ""},
		"not a comma with nothing": {[]string{"nats://u:secret@a:1,"}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseServers(c.urls)
			if c.want == "" {
				if err == nil || strings.Contains(err.Error(), "ret@") || strings.Contains(err.Error(), "secret") {
					t.Errorf("got %v, %v, want an error without the password", got.urls, err)
				}
				return
			}
			if err != nil || got.String() != c.want || strings.Join(got.urls, " ") != c.all {
				t.Errorf("got %v with %v, %v, want %v with %v", got, got.urls, err, c.want, c.all)
			}
		})
	}
}

func TestSettingsThatCannotWorkAreRefused(t *testing.T) {
	for name, c := range map[string]Config{
		"no URL":            {},
		"a dot in a prefix": {URLs: []string{"nats://a"}, Prefix: "a.b"},
		"a long prefix":     {URLs: []string{"nats://a"}, Prefix: strings.Repeat("x", maxPrefix+1)},
		"a star":            {URLs: []string{"nats://a"}, Prefix: "*"},
		"letters with dots": {URLs: []string{"nats://a"}, Prefix: "ä"},
		"six replicas":      {URLs: []string{"nats://a"}, Replicas: 6},
		"a queue below 0":   {URLs: []string{"nats://a"}, Queue: -1},
	} {
		t.Run(name, func(t *testing.T) {
			if e, err := New(c); err == nil {
				t.Errorf("got %v, want an error", e)
			}
		})
	}
}

func TestForeignStreamOfTheSameNameIsNotTouched(t *testing.T) {
	s := engines.NATS(t, engines.NATSOptions{})
	a, _ := connect(t, s)
	foreign := a.wantedStream("order", kept.History)
	foreign.Subjects, foreign.RePublish = []string{"something.else"}, nil
	if _, err := a.establish(t.Context(), foreign); err != nil {
		t.Fatal(err)
	}
	list := events(kept, "order", "x")
	a.Append(t.Context(), list)
	if err := list[0].Err; !errors.Is(err, broker.ErrUnavailable) || !strings.Contains(err.Error(), "something.else") {
		t.Errorf("got %v, want it to say what is there", err)
	}
}

func TestPrefixesDoNotHearEachOther(t *testing.T) {
	s := engines.NATS(t, engines.NATSOptions{})
	a, told := open(t, Config{URLs: []string{s.URL}, Prefix: "one"})
	b, _ := open(t, Config{URLs: []string{s.URL}, Prefix: "two"})
	told.awaitNotes(t, 0, "up")
	subscribe(t, a, plain("t", ""), broker.Key{Kind: broker.Stream, Type: "s"})
	for a.link.conn.IsConnected() && !b.link.up.Load() {
		pause(t.Context(), pageWait)
	}
	publish(t, b, plain("t", ""), "no")
	appendAll(t, b, events(kept, "s", "no"))
	list := events(kept, "s", "yes")
	appendAll(t, a, list)
	if got := told.awaitDeliveries(t, 1); string(got[0].Data) != "yes" || got[0].Position != (event.Position{Epoch: list[0].Position.Epoch, Offset: 1}) {
		t.Errorf("got %v, want only what has the same prefix", got)
	}
}

func TestVersionsThatGiveBatchesAreTold(t *testing.T) {
	for version, want := range map[string]bool{"2.15.3": true, "2.11.0": true, "2.11.0-RC.1": true, "3.0.0": true, "2.10.29": false, "2.9.10": false, "1.99.0": false, "": false, "x": false} {
		if got := givesBatches(version); got != want {
			t.Errorf("%q: got %v, want %v", version, got, want)
		}
	}
}
