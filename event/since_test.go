package event

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

var sinceCases = []struct {
	name    string
	payload string
	want    []string
}{
	{"has none without the member", `{"topics":["a","b"]}`, []string{"none", "none"}},
	{"has a position for the topic", `{"topic":"a","since":{"a":{"epoch":"x7","offset":42}}}`, []string{"x7:42"}},
	{"has the beginning of an epoch", `{"topic":"a","since":{"a":{"epoch":"x7","offset":0}}}`, []string{"x7:0"}},
	{"has the greatest offset", `{"topic":"a","since":{"a":{"epoch":"x7","offset":9007199254740991}}}`, []string{"x7:9007199254740991"}},
	{"has the longest epoch", `{"topic":"a","since":{"a":{"epoch":"` + strings.Repeat("e", 32) + `","offset":1}}}`, []string{strings.Repeat("e", 32) + ":1"}},
	{"has the longest epoch in escapes", `{"topic":"a","since":{"a":{"epoch":"` + strings.Repeat(`\u0065`, 32) + `","offset":1}}}`, []string{strings.Repeat("e", 32) + ":1"}},
	{"has all in the topics' order", `{"topics":["a","b:1","c"],"since":{"a":{"epoch":"x","offset":1},"b:1":{"epoch":"x","offset":2},"c":{"epoch":"y","offset":3}}}`, []string{"x:1", "x:2", "y:3"}},
	{"has all in another order", `{"since":{"c":{"offset":3,"epoch":"y"},"a":{"epoch":"x","offset":1},"b:1":{"epoch":"x","offset":2}},"topics":["a","b:1","c"]}`, []string{"x:1", "x:2", "y:3"}},
	{"has some", `{"topics":["a","b","c"],"since":{"b":{"epoch":"x","offset":2}}}`, []string{"none", "x:2", "none"}},
	{"has some at the beginning", `{"topics":["a","b","c"],"since":{"a":{"epoch":"x","offset":2}}}`, []string{"x:2", "none", "none"}},
	{"has none of an empty object", `{"topics":["a","b"],"since":{}}`, []string{"none", "none"}},
	{"ignores what is no topic", `{"topics":["a"],"since":{"b":1,"":null,"a":{"epoch":"x","offset":2},"c":[{}]}}`, []string{"x:2"}},
	{"has a topic's for each of its places", `{"topics":["a","a","b","a"],"since":{"a":{"epoch":"x","offset":1},"b":{"epoch":"x","offset":2}}}`, []string{"x:1", "x:1", "x:2", "x:1"}},
	{"has a topic's for a place behind the last key", `{"topics":["a","b","a"],"since":{"a":{"epoch":"x","offset":1},"b":7}}`, []string{"x:1", "malformed", "x:1"}},
	{"has one that is malformed beside one that isn't", `{"topics":["b","a"],"since":{"a":{"epoch":"x","offset":1},"b":{}}}`, []string{"malformed", "x:1"}},
	{"ignores other members of a position", `{"topic":"a","since":{"a":{"result":"gap","epoch":"x","missed":null,"offset":1,"x":[{"epoch":1}]}}}`, []string{"x:1"}},
	{"decodes keys", `{"topics":["\u0061:é","b"],"since":{"b":{"epoch":"x","offset":1},"a:\u00e9":{"epoch":"x","offset":2}}}`, []string{"x:2", "x:1"}},
	{"decodes the names of members", `{"topic":"a","s\u0069nce":{"a":{"e\u0070och":"\u0078","off\u0073et":1}}}`, []string{"x:1"}},
	{"takes white space", " { \"topic\" : \"a\" , \"since\" : { \"a\" :\n{ \"epoch\" : \"x\" , \"offset\" :\t1 } } } ", []string{"x:1"}},
	{"knows a topic of half a surrogate pair", `{"topics":["\ud83d","\ud83e"],"since":{"\ud83e":{"epoch":"x","offset":1}}}`, []string{"none", "x:1"}},
	{"knows an empty topic", `{"topics":["a",""],"since":{"":{"epoch":"x","offset":1}}}`, []string{"none", "x:1"}},
	{"has none for a topic that is far too long", `{"topic":"` + strings.Repeat("a", 4000) + `","since":{"` + strings.Repeat("a", 4000) + `":{"epoch":"x","offset":1}}}`, []string{"none"}},
	{"is malformed for all as an array", `{"topics":["a","b"],"since":[{"epoch":"x","offset":1}]}`, []string{"malformed", "malformed"}},
	{"is malformed for all as a string", `{"topics":["a","b"],"since":"x:1"}`, []string{"malformed", "malformed"}},
	{"is malformed for all as null", `{"topics":["a","b"],"since":null}`, []string{"malformed", "malformed"}},
	{"is malformed as a number", `{"topic":"a","since":{"a":1}}`, []string{"malformed"}},
	{"is malformed as a string of a position", `{"topic":"a","since":{"a":"x:1"}}`, []string{"malformed"}},
	{"is malformed as null for a topic", `{"topic":"a","since":{"a":null}}`, []string{"malformed"}},
	{"is malformed as an array for a topic", `{"topic":"a","since":{"a":["x",1]}}`, []string{"malformed"}},
	{"is malformed without an epoch", `{"topic":"a","since":{"a":{"offset":1}}}`, []string{"malformed"}},
	{"is malformed without an offset", `{"topic":"a","since":{"a":{"epoch":"x"}}}`, []string{"malformed"}},
	{"is malformed with an empty epoch", `{"topic":"a","since":{"a":{"epoch":"","offset":1}}}`, []string{"malformed"}},
	{"is malformed with an epoch that is too long", `{"topic":"a","since":{"a":{"epoch":"` + strings.Repeat("e", 33) + `","offset":1}}}`, []string{"malformed"}},
	{"is malformed with an epoch of other characters", `{"topic":"a","since":{"a":{"epoch":"x.y","offset":1}}}`, []string{"malformed"}},
	{"is malformed with an epoch beyond ASCII", `{"topic":"a","since":{"a":{"epoch":"é","offset":1}}}`, []string{"malformed"}},
	{"is malformed with a number for an epoch", `{"topic":"a","since":{"a":{"epoch":7,"offset":1}}}`, []string{"malformed"}},
	{"is malformed with a string for an offset", `{"topic":"a","since":{"a":{"epoch":"x","offset":"1"}}}`, []string{"malformed"}},
	{"is malformed with a fraction", `{"topic":"a","since":{"a":{"epoch":"x","offset":1.5}}}`, []string{"malformed"}},
	{"is malformed with an exponent", `{"topic":"a","since":{"a":{"epoch":"x","offset":1e3}}}`, []string{"malformed"}},
	{"is malformed below zero", `{"topic":"a","since":{"a":{"epoch":"x","offset":-1}}}`, []string{"malformed"}},
	{"is malformed at minus zero", `{"topic":"a","since":{"a":{"epoch":"x","offset":-0}}}`, []string{"malformed"}},
	{"is malformed beyond the greatest offset", `{"topic":"a","since":{"a":{"epoch":"x","offset":9007199254740992}}}`, []string{"malformed"}},
	{"is malformed far beyond the greatest offset", `{"topic":"a","since":{"a":{"epoch":"x","offset":18446744073709551617}}}`, []string{"malformed"}},
}

// sinceTexts writes each Since as a position or as its kind.
func sinceTexts(all []Since) (texts []string) {
	for _, s := range all {
		switch {
		case s.Is == SincePosition:
			texts = append(texts, fmt.Sprintf("%s:%d", s.Epoch, s.Offset))
		case s.Epoch != nil || s.Offset != 0:
			texts = append(texts, fmt.Sprintf("kind %d with %q and %d", s.Is, s.Epoch, s.Offset))
		case s.Is == SinceNone:
			texts = append(texts, "none")
		case s.Is == SinceMalformed:
			texts = append(texts, "malformed")
		default:
			texts = append(texts, fmt.Sprintf("kind %d", s.Is))
		}
	}
	return texts
}

func TestSince(t *testing.T) {
	for _, c := range sinceCases {
		t.Run(c.name, func(t *testing.T) {
			var view View
			mustParse(t, &view, `{"type":"__subscribe","id":"\u0037","payload":`+c.payload+`}`)
			topics, err := view.Topics(nil)
			if err != nil {
				t.Fatal(err)
			}
			before := texts(topics)
			for range 2 {
				if got := sinceTexts(view.Since(nil, topics)); !slices.Equal(got, c.want) {
					t.Errorf("got %q, want %q", got, c.want)
				}
			}
			if !slices.Equal(texts(topics), before) || string(view.ID) != "7" {
				t.Errorf("got the topics %q and the id %q afterwards, want them as before", topics, view.ID)
			}
			if got, want := view.HasSince(), strings.Contains(c.payload, `nce"`); got != want {
				t.Errorf("got HasSince %v, want %v", got, want)
			}
			checkSince(t, []byte(c.payload))
		})
	}
}

func TestSinceAppends(t *testing.T) {
	var view View
	mustParse(t, &view, `{"type":"__subscribe","payload":{"topic":"a","since":{"a":{"epoch":"\u0078","offset":1}}}}`)
	first := Since{Epoch: []byte("e"), Offset: 9, Is: SincePosition}
	dirty := []Since{first, {Epoch: []byte("left behind"), Offset: 5, Is: SinceMalformed}, {Is: SinceMalformed}}
	if got := sinceTexts(view.Since(dirty[:1], [][]byte{[]byte("a"), []byte("b")})); !slices.Equal(got, []string{"e:9", "x:1", "none"}) {
		t.Errorf("got %q", got)
	}
	if got := view.Since(dirty[:1], nil); len(got) != 1 {
		t.Errorf("for no topics: got %d, want what was there", len(got))
	}
}

func TestThereIsNoSinceInWhatIsNoObject(t *testing.T) {
	for _, payload := range []string{"null", `"since"`, `["since",{"a":1}]`, `{"x":{"since":{}}}`, `{}`} {
		var view View
		mustParse(t, &view, `{"type":"__subscribe","payload":`+payload+`}`)
		if got := sinceTexts(view.Since(nil, [][]byte{[]byte("a")})); view.HasSince() || !slices.Equal(got, []string{"none"}) {
			t.Errorf("%s: got %q and HasSince %v, want none and false", payload, got, view.HasSince())
		}
	}
}

func TestSinceOfSlicesIsThatOfAllTopicsInAnyOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for _, shape := range sinceShapes {
		for _, count := range []int{1, 2, 3, 17, 1024} {
			t.Run(fmt.Sprintf("%s, %d", shape.name, count), func(t *testing.T) {
				var view View
				mustParse(t, &view, shape.message(random, count))
				payload := bytes.Clone(view.Payload)
				all := referenceSince(payload, allTopics(t, &view))
				for _, limit := range []int{1, 2, 100, 2000} {
					if limit == 1 && count > 100 {
						continue
					}
					var got []string
					later := View{Payload: payload}
					for place := 0; place >= 0; {
						topics, next, err := later.TopicsFrom(nil, place, limit)
						if err != nil {
							t.Fatal(err)
						}
						got = append(got, sinceTexts(later.Since(nil, topics))...)
						place = next
					}
					if !slices.Equal(got, sinceTexts(all)) {
						t.Fatalf("%d at a time: got %q, want %q", limit, got, sinceTexts(all))
					}
				}
			})
		}
	}
}

// sinceShape is a way to subscribe to many topics: how they are spelled, and which of them since has as keys, in which order.
type sinceShape struct {
	name  string
	topic func(random *rand.Rand, i int) string
	mix   func(random *rand.Rand, keys []string) []string
}

var sinceShapes = []sinceShape{
	{"in order", plainTopic, func(_ *rand.Rand, keys []string) []string { return keys }},
	{"the other way round", plainTopic, func(_ *rand.Rand, keys []string) []string { slices.Reverse(keys); return keys }},
	{"in any order", plainTopic, shuffled},
	{"in any order, long", func(_ *rand.Rand, i int) string {
		return strings.Repeat("p", 250) + fmt.Sprintf("%04d:", i) + strings.Repeat("p", 256)
	}, shuffled},
	{"in any order, with escapes", func(_ *rand.Rand, i int) string { return fmt.Sprintf(`\u0070rice:%d`, i) }, shuffled},
	{"with topics again", func(random *rand.Rand, i int) string { return fmt.Sprint("t", random.IntN(i/2+1)) }, shuffled},
	{"with every second", plainTopic, func(random *rand.Rand, keys []string) []string { return shuffled(random, keys)[:len(keys)/2] }},
	{"with the first half", plainTopic, func(_ *rand.Rand, keys []string) []string { return keys[:len(keys)/2] }},
	{"with others between", plainTopic, func(random *rand.Rand, keys []string) []string {
		for i := range len(keys) {
			keys = append(keys, fmt.Sprint("other:", i))
		}
		return shuffled(random, keys)
	}},
}

func plainTopic(_ *rand.Rand, i int) string { return fmt.Sprint("price:", i) }

func shuffled(random *rand.Rand, keys []string) []string {
	random.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	return keys
}

// message returns a __subscribe to count topics.
func (s sinceShape) message(random *rand.Rand, count int) string {
	topics := make([]string, count)
	for i := range topics {
		topics[i] = s.topic(random, i)
	}
	var keys []string
	seen := map[string]bool{}
	for _, topic := range topics {
		if !seen[topic] {
			keys = append(keys, topic)
		}
		seen[topic] = true
	}
	keys = s.mix(random, keys)
	var b strings.Builder
	b.WriteString(`{"type":"__subscribe","id":"1","payload":{"topics":["` + strings.Join(topics, `","`) + `"],"since":{`)
	for i, key := range keys {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"%s":{"epoch":"x7","offset":%d}`, key, i+1)
	}
	b.WriteString("}}}")
	return b.String()
}

func allTopics(t testing.TB, view *View) [][]byte {
	t.Helper()
	topics, err := view.Topics(nil)
	if err != nil {
		t.Fatal(err)
	}
	return topics
}

func TestSinceHoldsLittleScratch(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	for _, shape := range sinceShapes {
		var view View
		mustParse(t, &view, shape.message(random, 1024))
		topics := allTopics(t, &view)
		before := view.held()
		since := view.Since(nil, topics)
		after := view.held()
		for range 10 {
			since = view.Since(since[:0], topics)
		}
		if got := view.held(); got != after || got-before > 64*len(topics)+8<<10 {
			t.Errorf("%s: got %d bytes of scratch, after %d and %d before, want 64 for each topic at most, once", shape.name, got, after, before)
		}
	}
}

func FuzzSince(f *testing.F) {
	for _, c := range sinceCases {
		f.Add([]byte(c.payload))
	}
	f.Fuzz(func(t *testing.T, payload []byte) { checkSince(t, payload) })
}

// checkSince compares View.Since with what the JSON library finds, for the topics of the payload and for its keys.
func checkSince(t *testing.T, payload []byte) {
	t.Helper()
	var view View
	if view.Parse(append(append([]byte(`{"type":"__subscribe","payload":`), payload...), '}')) != nil {
		return
	}
	later := View{Payload: append(make([]byte, 0, len(view.Payload)), view.Payload...)}
	topics, _ := later.Topics(nil)
	lists := [][][]byte{topics, nil, {[]byte("a")}}
	for _, m := range referenceMembers(later.Payload) {
		for _, key := range referenceMembers(m.value) {
			lists[1] = append(lists[1], []byte(key.name), []byte("other"), []byte(key.name))
		}
	}
	for _, list := range lists {
		got, want := sinceTexts(later.Since(nil, list)), sinceTexts(referenceSince(later.Payload, list))
		if !slices.Equal(got, want) {
			t.Fatalf("%q for %q: got %q, library %q", payload, list, got, want)
		}
	}
}

// referenceMember is a member of an object: its name decoded, its name and its value as they are.
type referenceMember struct {
	name  string
	raw   []byte
	value []byte
}

// referenceMembers returns the members of the valid JSON value raw, none if it is no object.
func referenceMembers(raw []byte) (members []referenceMember) {
	decoder := jsontext.NewDecoder(bytes.NewReader(raw), looseUTF8, jsontext.AllowDuplicateNames(true))
	if token, err := decoder.ReadToken(); err != nil || token.Kind() != '{' {
		return nil
	}
	for decoder.PeekKind() == '"' {
		name, err := decoder.ReadValue()
		if err != nil {
			return nil
		}
		m := referenceMember{name: referenceText(name), raw: bytes.Clone(name)}
		value, err := decoder.ReadValue()
		if err != nil {
			return nil
		}
		m.value = bytes.Clone(value)
		members = append(members, m)
	}
	return members
}

var (
	referenceEpoch  = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)
	referenceOffset = regexp.MustCompile(`^(0|[1-9][0-9]*)$`)
)

func referenceSince(payload []byte, topics [][]byte) []Since {
	all := make([]Since, len(topics))
	for _, m := range referenceMembers(payload) {
		if m.name != "since" {
			continue
		}
		if m.value[0] != '{' {
			for i := range all {
				all[i].Is = SinceMalformed
			}
		}
		for _, key := range referenceMembers(m.value) {
			for i, topic := range topics {
				if string(topic) == key.name && len(key.raw) <= maxRawTopic {
					all[i] = referencePosition(key.value)
				}
			}
		}
	}
	return all
}

func referencePosition(value []byte) Since {
	position := Since{Is: SincePosition}
	hasOffset := false
	for _, m := range referenceMembers(value) {
		switch m.name {
		case "epoch":
			if m.value[0] != '"' || !referenceEpoch.MatchString(referenceText(m.value)) {
				return Since{Is: SinceMalformed}
			}
			position.Epoch = []byte(referenceText(m.value))
		case "offset":
			offset, err := strconv.ParseUint(string(m.value), 10, 64)
			if err != nil || !referenceOffset.Match(m.value) || offset > 1<<53-1 {
				return Since{Is: SinceMalformed}
			}
			position.Offset, hasOffset = offset, true
		}
	}
	if position.Epoch == nil || !hasOffset {
		return Since{Is: SinceMalformed}
	}
	return position
}

func BenchmarkSince(b *testing.B) {
	for _, shape := range sinceShapes {
		for _, count := range []int{1, 1024} {
			b.Run(fmt.Sprintf("keys=%s/topics=%d", strings.NewReplacer(" ", "-", ",", "").Replace(shape.name), count), func(b *testing.B) {
				var view View
				if err := view.Parse([]byte(shape.message(rand.New(rand.NewPCG(1, 2)), count))); err != nil {
					b.Fatal(err)
				}
				topics := allTopics(b, &view)
				var since []Since
				b.ReportAllocs()
				for b.Loop() {
					since = view.Since(since[:0], topics)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(count), "ns/topic")
			})
		}
	}
}
