package brokertest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
)

// oddNames are types, and ids, that an engine could take for something else, or for one another.
var oddNames = []string{
	"a.b", "a%2Eb", "a%2eb", "a%252Eb", "a_b", "a-b", "a b", "ab", "A.B", "a.B", "AB", "a..b", ".", "..", ".a", "a.", "a.*", "a.>", "*", ">", "a*", "a?", "[ab]", "%", "%%", "%s", "%00",
	"$SYS", "$JS.API.>", "_INBOX.x", "{a}", "{a", "a}b", "{}", "{user}1", "{user}2", `"`, `a"b`, "'", "`", `\`, `a\b`, `\x00`, `\u0000`, "/", "a/b", "a/../b", "../../etc", "a,b", "a;b", "a|b", "a&b", "a=b",
	"a#b", "~", "!", "@", "(a)", "<a>", "+", "-", "_", "-1", "0", "00", " ", " a", "a ", "a  b", "\u00a0", "\u2028", "\u200b", "é", "e\u0301", "ß", "ss", "SS", "ﬁ", "fi", "İ", "i", "I", "日本語", "🙂", "🙃", "nil", "null",
	"undefined", "true", "P", "p", "s", "c", "r", "m", "z", "events", "newest", "keys", "epoch", "price\uFFFD", "price\uFFFE", strings.Repeat("n", 256), strings.Repeat("n", 255), strings.Repeat("n", 255) + "N",
	strings.Repeat(".", 256), strings.Repeat("é", 128), strings.Repeat("🙂", 64), strings.Repeat("%", 256), strings.Repeat(" ", 256),
}

// oddIDs are ids beside the names: they may have a colon, and begin with what types may not.
var oddIDs = []string{":", "a:b", "a:", ":a", "::", "__subscribe", "__", strings.Repeat(":", 256)}

func checkNames(t *testing.T) {
	t.Helper()
	for _, name := range oddNames {
		if err := (event.Event{Type: name, ID: name}).Validate(); err != nil {
			t.Fatalf("the test has the name %q, which no event may have: %v", name, err)
		}
	}
}

func anyNameIsAKey(t *testing.T, c Config) {
	checkNames(t)
	hubs := open(t, c, 2)
	var keys []broker.Key
	for _, name := range oddNames {
		keys = append(keys, plain(name, ""), plain("of ids", name))
	}
	for _, id := range oddIDs {
		keys = append(keys, plain("of ids", id))
	}
	long := strings.Repeat("é", 128)
	keys = append(keys, plain("a", "b.c"), plain("a.b", "c"), plain("a", "b"), plain(long, long), plain(long, "x"))
	subscribed := map[broker.Key]bool{}
	var want []broker.Delivery
	var batch []broker.Message
	for i, key := range keys {
		batch = append(batch, broker.Message{Key: key, Data: message(fmt.Sprint(key))})
		if i%3 > 0 || key.ID != "" && subscribed[plain(key.Type, "")] {
			continue
		}
		subscribed[key] = true
		hubs[0].subscribe(t, key)
	}
	for _, key := range keys {
		if subscribed[plain(key.Type, "")] {
			want = append(want, broker.Delivery{Data: message(fmt.Sprint(key))})
		}
		if key.ID != "" && subscribed[key] {
			want = append(want, broker.Delivery{ByID: true, Data: message(fmt.Sprint(key))})
		}
	}
	if err := hubs[1].Publish(bounded(t), batch); err != nil {
		t.Fatal(err)
	}
	hubs[0].deliveries(t, len(want))
	end(t, hubs...)
	hubs[0].expect(t, want...)
}

func anyNameHasAStream(t *testing.T, c Config) {
	checkNames(t)
	hubs := open(t, c, 2)
	policy := keepAll()
	var keys []broker.Key
	var list []*broker.Append
	for i, name := range oddNames {
		keys = append(keys, ofStream(name))
		for j := range 1 + i%3 {
			list = append(list, &broker.Append{Policy: policy, Type: name, ID: oddIDs[i%len(oddIDs)], Key: fmt.Sprint(name, j), Data: message(fmt.Sprint(j, name))})
		}
	}
	hubs[0].subscribe(t, keys...)
	hubs[1].append(t, list...)
	positions := map[string]event.Position{}
	for _, d := range hubs[0].deliveries(t, len(list)) {
		positions[text(d.Data)] = d.Position
	}
	tops, err := hubs[0].Tops(bounded(t), nil, oddNames...)
	if err != nil || len(tops) != len(oddNames) {
		t.Fatalf("got %d tops, %v, want %d", len(tops), err, len(oddNames))
	}
	for i, name := range oddNames {
		events := uint64(1 + i%3)
		if tops[i].Offset != events {
			t.Errorf("the type %q: got the top %v, want offset %d", name, tops[i], events)
		}
		page := hubs[0].read(t, broker.Query{Policy: policy, Type: name, Events: 10})
		if page.First != 1 || page.Top != events || uint64(len(page.Entries)) != events {
			t.Errorf("the type %q: got first %d, top %d and %d events, want 1, %d and %d", name, page.First, page.Top, len(page.Entries), events, events)
			continue
		}
		for j, entry := range page.Entries {
			want := fmt.Sprint(j, name)
			if position := (event.Position{Epoch: page.Epoch, Offset: uint64(j + 1)}); text(entry.Data) != want || positions[want] != position {
				t.Errorf("the type %q: got %q at %d, delivered at %v, want %q at %v", name, text(entry.Data), entry.Offset, positions[want], want, position)
			}
		}
	}
}
