package event

import (
	"fmt"
	"strings"
	"testing"
)

func TestParsePatternsRefuses(t *testing.T) {
	for name, c := range map[string]struct{ pattern, says string }{
		"an empty pattern":                    {"", "empty"},
		"an asterisk in the middle":           {"price:*:x", "asterisk"},
		"two asterisks":                       {"price:**", "asterisk"},
		"an asterisk behind the user":         {"inbox:$user*", "users"},
		"an unknown name":                     {"inbox:$admin", "$admin"},
		"a longer name":                       {"inbox:$username", "$username"},
		"a dollar sign at the end":            {"price$", "$"},
		"braces":                              {"inbox:${user}", "$"},
		"a control character":                 {"price:\x07", ""},
		"a control character in a prefix":     {"a\nb*", ""},
		"a control event":                     {"__subscribe", ""},
		"the beginning of all control events": {"__*", ""},
		"a topic without a type":              {":x", ""},
		"a prefix without a type":             {":*", ""},
		"a topic with an empty id":            {"price:", ""},
		"an empty id behind the user":         {"$user:", ""},
		"a type too long":                     {strings.Repeat("x", 257), ""},
		"a prefix too long":                   {"a:" + strings.Repeat("x", 257) + "*", ""},
		"an id too long beside the user":      {"a:" + strings.Repeat("x", 256) + "$user", ""},
		"what is not UTF-8":                   {"price:\xff", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParsePatterns([]string{"fine", c.pattern})
			if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", c.pattern)) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got the error %v, want one that names %q and %q", err, c.pattern, c.says)
			}
		})
	}
}

func TestPatternsMatch(t *testing.T) {
	for name, c := range map[string]struct {
		patterns string
		user     string
		yes, no  string
	}{
		"an exact topic":                      {"price", "", "price", "price:EURUSD prices pric Price"},
		"an exact topic with an id":           {"price:EURUSD", "", "price:EURUSD", "price price:EURUSDX price:EUR"},
		"all of a type but the type":          {"price:*", "", "price:EURUSD price:a:b", "price prices:x"},
		"a prefix within a name":              {"price*", "", "price price2 price:x", "pric xprice"},
		"everything":                          {"*", "", "price price:x _ é:é", ""},
		"nested prefixes":                     {"a:b* a:* a:bcd* b:x*", "", "a:b a:bcd a:x b:x b:xy", "a b:y b b:"},
		"prefixes among neighbours":           {"a* ab:c* b* aa*", "", "a ab:c b aa az", "c"},
		"the user":                            {"inbox:$user", "ada", "inbox:ada", "inbox:adam inbox:ad inbox inbox:$user inbox:"},
		"the user in a prefix":                {"room:$user:*", "ada", "room:ada:1", "room:ada room:adam:1 room:bob:1"},
		"the user twice":                      {"$user:$user", "ada", "ada:ada", "ada ada:bob ada:ada:ada"},
		"the user as a type":                  {"$user $user:*", "ada", "ada ada:1", "adam adam:1 bob:1"},
		"nobody":                              {"inbox:$user $user:* x$user", "", "", "inbox: inbox :x x inbox:$user"},
		"a user named like everything":        {"inbox:$user $user:*", "*", "inbox:* *:x", "inbox:ada price:x"},
		"a user with an asterisk":             {"inbox:$user", "a*", "inbox:a*", "inbox:ada inbox:a"},
		"a user named like the variable":      {"inbox:$user", "$user", "inbox:$user", "inbox:ada inbox:$"},
		"a user with a dollar sign":           {"inbox:$user", "a$$b", "inbox:a$$b", "inbox:a$b"},
		"a user with a colon at the end":      {"inbox:$user", "ada:x", "inbox:ada:x", "inbox:ada"},
		"a user with a colon as a type":       {"$user $user:* $user:a", "price:x", "", "price price:x price:x:y price:x:a"},
		"a user with a colon ahead of more":   {"inbox:$user:* inbox:$user:x", "ada:x", "", "inbox:ada:x:1 inbox:ada:x:x"},
		"a user with a colon behind a prefix": {"a$user", "b:c", "", "ab:c ab"},
		"a user beyond ASCII":                 {"inbox:$user", "Ŀö", "inbox:Ŀö", "inbox:Ŀ"},
		"a dollar sign":                       {"cost:$$5 cost:$$user", "ada", "cost:$5 cost:$user", "cost:5 cost:ada cost:$$5"},
		"no pattern":                          {"", "ada", "", "price price:x"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := ParsePatterns(strings.Fields(c.patterns))
			if err != nil {
				t.Fatalf("got %v", err)
			}
			for topics, want := range map[string]bool{c.yes: true, c.no: false} {
				for _, topic := range strings.Fields(topics) {
					if got := p.Match([]byte(topic), c.user); got != want {
						t.Errorf("got %v for %q and the user %q, want %v", got, topic, c.user, want)
					}
				}
			}
		})
	}
}

func TestZeroPatternsMatchNothing(t *testing.T) {
	for _, topic := range []string{"", "a", "a:b"} {
		if (Patterns{}).Match([]byte(topic), "ada") {
			t.Errorf("got true for %q, want false", topic)
		}
	}
}

// naiveMatch puts the user's name into each pattern and compares.
func naiveMatch(patterns []string, topic, user string) bool {
	for _, text := range patterns {
		prefix, open := strings.CutSuffix(text, "*")
		marked := strings.NewReplacer("$$", "$", "$user", "\x00").Replace(prefix)
		fits := user != "" && (!strings.Contains(user, ":") || strings.HasSuffix(text, "$user") && strings.Contains(marked, ":") &&
			strings.Count(marked, "\x00") == 1)
		if strings.Contains(marked, "\x00") && !fits {
			continue
		}
		full := strings.ReplaceAll(marked, "\x00", user)
		if topic == full || open && strings.HasPrefix(topic, full) {
			return true
		}
	}
	return false
}

func FuzzPatterns(f *testing.F) {
	f.Add("price\nprice:*\ninbox:$user\n$$x*", "price:x", "ada")
	f.Add("$user:$user\na:b*\na:*\n*", "ada:ada", "a*")
	f.Add("inbox:$user:*\n$user", "inbox:ada:x:1", "ada:x")
	f.Add("__*\n:x\n$a\n**", "é", "$user")
	f.Add("a\nb\nc:1\nd*\nd:*\ne:x*\nf\ng:$user", "e:xy", "ada")
	f.Fuzz(func(t *testing.T, texts, topic, user string) {
		var patterns []string
		for _, text := range strings.Split(texts, "\n") {
			one, err := ParsePatterns([]string{text})
			if err != nil {
				continue
			}
			patterns = append(patterns, text)
			if got, want := one.Match([]byte(topic), user), naiveMatch([]string{text}, topic, user); got != want {
				t.Errorf("got %v for the pattern %q, the topic %q and the user %q, want %v", got, text, topic, user, want)
			}
		}
		all, err := ParsePatterns(patterns)
		if err != nil {
			t.Fatalf("got %v for %q, want no error, since each alone has none", err, patterns)
		}
		if got, want := all.Match([]byte(topic), user), naiveMatch(patterns, topic, user); got != want {
			t.Errorf("got %v for %q, the topic %q and the user %q, want %v", got, patterns, topic, user, want)
		}
	})
}

// manyPatterns are of every kind, count of each but those with the user.
func manyPatterns(t testing.TB, count int) Patterns {
	t.Helper()
	texts := []string{"inbox:$user", "room:$user:*"}
	for i := range count {
		texts = append(texts, fmt.Sprintf("exact:%d", i), fmt.Sprintf("prefix%d:*", i))
	}
	p, err := ParsePatterns(texts)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPatternsMatchWithoutAllocating(t *testing.T) {
	p := manyPatterns(t, 1000)
	for _, topic := range []string{"exact:77", "prefix77:x", "inbox:ada", "room:ada:7", "none"} {
		view := []byte(topic)
		if got := testing.AllocsPerRun(100, func() { p.Match(view, "ada") }); got != 0 {
			t.Errorf("got %v allocations for %q, want none", got, topic)
		}
	}
}

func BenchmarkPatterns(b *testing.B) {
	for _, count := range []int{10, 10_000} {
		p := manyPatterns(b, count)
		for _, topic := range []string{"exact:7", "prefix7:x", "inbox:ada", "none"} {
			b.Run(fmt.Sprintf("patterns=%d/topic=%s", 2*count+2, topic), func(b *testing.B) {
				view := []byte(topic)
				b.ReportAllocs()
				for b.Loop() {
					p.Match(view, "ada")
				}
			})
		}
	}
}

func TestMustPatternsPanicsForAMalformedPattern(t *testing.T) {
	if !MustPatterns("inbox:$user", "news").Match([]byte("inbox:ada"), "ada") {
		t.Error("got no match of inbox:$user, want one")
	}
	defer func() {
		if v := recover(); v == nil {
			t.Error("got no panic, want one")
		}
	}()
	MustPatterns("news", "a*b")
}
