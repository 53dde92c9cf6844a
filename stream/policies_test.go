package stream

import (
	"errors"
	"strings"
	"testing"
	"time"
)

var kept = History{Events: 10}

func TestTheFirstPolicyThatMatchesHolds(t *testing.T) {
	policies, err := NewPolicies([]Policy{
		{Match: "price.raw"},
		{Match: "price", History: kept},
		{Match: "price.*", History: kept},
		{Match: "prices", Presence: true},
		{Match: "p*", Presence: true},
		{Match: "order", Interest: ByID},
		{Match: "*", Behind: Skip},
	})
	if err != nil {
		t.Fatal(err)
	}
	for typ, want := range map[string]string{
		"price.raw": "price.raw", "price": "price", "price.eur": "price.*", "price.": "price.*", "prices": "prices",
		"pric": "p*", "price.raw2": "price.*", "order": "order", "orders": "*", "": "*",
	} {
		if got := policies.For([]byte(typ)); got == nil || got.Match != want {
			t.Errorf("%q: got %+v, want the policy of %q", typ, got, want)
		}
		if got := policies.ForString(typ); got == nil || got.Match != want {
			t.Errorf("%q as a string: got %+v, want the policy of %q", typ, got, want)
		}
	}
}

func TestNoPolicyMatches(t *testing.T) {
	some, err := NewPolicies([]Policy{{Match: "price", History: kept}, {Match: "room.*", Presence: true}})
	if err != nil {
		t.Fatal(err)
	}
	for name, policies := range map[string]*Policies{"none": nil, "others": some} {
		for _, typ := range []string{"pric", "prices", "room", ""} {
			if got := policies.For([]byte(typ)); got != nil {
				t.Errorf("%s, %q: got %+v, want none", name, typ, got)
			}
			if got := policies.ForString(typ); got != nil {
				t.Errorf("%s, %q as a string: got %+v, want none", name, typ, got)
			}
		}
	}
}

func TestAPolicyIsFoundWithoutAllocation(t *testing.T) {
	policies, err := NewPolicies([]Policy{{Match: "price", History: kept}, {Match: "room.*", Presence: true}})
	if err != nil {
		t.Fatal(err)
	}
	types, found := [][]byte{[]byte("price"), []byte("room.1"), []byte("none")}, 0
	if got := testing.AllocsPerRun(100, func() {
		for _, typ := range types {
			if policies.For(typ) != nil {
				found++
			}
		}
	}); got != 0 || found == 0 {
		t.Errorf("got %v allocations and %d policies, want no allocation", got, found)
	}
}

func TestPoliciesThatContradictAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		list           []Policy
		index, earlier int
		says           string
	}{
		"an empty match":              {[]Policy{{History: kept}}, 0, -1, "empty"},
		"an asterisk inside":          {[]Policy{{Match: "a*b", History: kept}}, 0, -1, "at the end"},
		"two asterisks":               {[]Policy{{Match: "a**", History: kept}}, 0, -1, "at the end"},
		"a topic with an id":          {[]Policy{{Match: "a:1", History: kept}}, 0, -1, "colon"},
		"a reserved type":             {[]Policy{{Match: "__a*", History: kept}}, 0, -1, "reserved"},
		"a long type":                 {[]Policy{{Match: strings.Repeat("a", 257), History: kept}}, 0, -1, "256"},
		"a control character":         {[]Policy{{Match: "a\n", History: kept}}, 0, -1, "control"},
		"half a character":            {[]Policy{{Match: "a\xc3*", History: kept}}, 0, -1, "UTF-8"},
		"catch-up without history":    {[]Policy{{Match: "a", Behind: CatchUp}}, 0, -1, "give it history"},
		"latest without history":      {[]Policy{{Match: "a", Behind: Latest}}, 0, -1, "give it history"},
		"skip with history":           {[]Policy{{Match: "a", Behind: Skip, History: kept}}, 0, -1, "catch-up"},
		"negative events":             {[]Policy{{Match: "a", History: History{Events: -1}}}, 0, -1, "positive"},
		"negative bytes":              {[]Policy{{Match: "a", History: History{Bytes: -1}}}, 0, -1, "positive"},
		"few bytes":                   {[]Policy{{Match: "a", History: History{Bytes: 1023}}}, 0, -1, "1024"},
		"a negative age":              {[]Policy{{Match: "a", History: History{Age: -1}}}, 0, -1, "positive"},
		"an age of years":             {[]Policy{{Match: "a", History: History{Age: 366 * 24 * time.Hour}}}, 0, -1, "8760h"},
		"a behind that is none":       {[]Policy{{Match: "a", Behind: 9}}, 0, -1, "close, catch-up, latest or skip"},
		"an interest that is none":    {[]Policy{{Match: "a", Interest: 9}}, 0, -1, "type, id or auto"},
		"nothing but defaults":        {[]Policy{{Match: "b", History: kept}, {Match: "a"}}, 1, -1, "defaults"},
		"an exception from narrower":  {[]Policy{{Match: "a*"}, {Match: "b*", History: kept}}, 0, -1, "defaults"},
		"the same twice":              {[]Policy{{Match: "a", History: kept}, {Match: "b", History: kept}, {Match: "a", Presence: true}}, 2, 0, "first"},
		"a type behind its beginning": {[]Policy{{Match: "a*", History: kept}, {Match: "ab", History: kept}}, 1, 0, "first"},
		"a longer beginning":          {[]Policy{{Match: "b", History: kept}, {Match: "a*", History: kept}, {Match: "ab*", History: kept}}, 2, 1, "first"},
		"what is behind all":          {[]Policy{{Match: "*", History: kept}, {Match: "a", History: kept}}, 1, 0, "first"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewPolicies(c.list)
			wrong, is := errors.AsType[*PolicyError](err)
			if !is {
				t.Fatalf("got %v, want a *PolicyError", err)
			}
			if wrong.Index != c.index || wrong.Earlier != c.earlier || !strings.Contains(err.Error(), c.says) || wrong.Unwrap() == nil {
				t.Errorf("got %+v (%v), want the policy %d behind %d and %q", wrong, err, c.index, c.earlier, c.says)
			}
		})
	}
}

func TestPoliciesThatLookLikeItDoNotContradict(t *testing.T) {
	for name, list := range map[string][]Policy{
		"none":                               nil,
		"an exception":                       {{Match: "a.b"}, {Match: "a.*", History: kept}},
		"an exception of a beginning":        {{Match: "a.b*"}, {Match: "x", History: kept}, {Match: "*", History: kept}},
		"a beginning behind its type":        {{Match: "a", History: kept}, {Match: "a*", History: kept}},
		"types that begin alike":             {{Match: "a", History: kept}, {Match: "ab", History: kept}},
		"the newest of each id alone":        {{Match: "a", History: History{LatestPerID: true}, Behind: Latest}},
		"one underscore":                     {{Match: "_*", History: kept}},
		"bytes that are few enough":          {{Match: "a", History: History{Bytes: 1024}}},
		"skip without history":               {{Match: "a", Behind: Skip}},
		"a type with an asterisk in its end": {{Match: "ä*", Presence: true}},
	} {
		if _, err := NewPolicies(list); err != nil {
			t.Errorf("%s: got %v, want no error", name, err)
		}
	}
}

func TestKindsHaveNames(t *testing.T) {
	for want, behind := range map[string]Behind{"close": Close, "catch-up": CatchUp, "latest": Latest, "skip": Skip} {
		var got Behind
		if err := got.UnmarshalText([]byte(want)); err != nil || got != behind || got.String() != want {
			t.Errorf("%s: got %v and %v, want %v", want, got, err, behind)
		}
		if text, err := behind.MarshalText(); err != nil || string(text) != want {
			t.Errorf("%s: got %q and %v, want its name", want, text, err)
		}
	}
	for want, interest := range map[string]Interest{"auto": Auto, "type": ByType, "id": ByID} {
		var got Interest
		if err := got.UnmarshalText([]byte(want)); err != nil || got != interest || got.String() != want {
			t.Errorf("%s: got %v and %v, want %v", want, got, err, interest)
		}
		if text, err := interest.MarshalText(); err != nil || string(text) != want {
			t.Errorf("%s: got %q and %v, want its name", want, text, err)
		}
	}
	for _, name := range []string{"", "Close", "catchup", "type "} {
		if _, err := ParseBehind(name); err == nil {
			t.Errorf("behind %q: got no error", name)
		}
	}
	for _, name := range []string{"", "ID", "types"} {
		if _, err := ParseInterest(name); err == nil {
			t.Errorf("interest %q: got no error", name)
		}
	}
	if got := Behind(9).String(); got != "behind(9)" {
		t.Errorf("got %q for a behind that is none, want behind(9)", got)
	}
	if _, err := Interest(9).MarshalText(); err == nil {
		t.Error("got no error for an interest that is none")
	}
}

func FuzzPolicies(f *testing.F) {
	f.Add("price\nprice.*\np*\n*", "price.eur")
	f.Add("a*\nab", "ab")
	f.Add("__a\n\xc3*\n**", "")
	f.Fuzz(func(t *testing.T, matches, typ string) {
		var list []Policy
		for _, match := range strings.Split(matches, "\n") {
			list = append(list, Policy{Match: match, History: kept})
		}
		policies, err := NewPolicies(list)
		if err != nil {
			if wrong, is := errors.AsType[*PolicyError](err); !is || wrong.Index >= len(list) || wrong.Earlier >= wrong.Index {
				t.Fatalf("got %#v, want a *PolicyError with the places of policies", err)
			}
			return
		}
		want := ""
		for _, policy := range list {
			beginning, open := strings.CutSuffix(policy.Match, "*")
			if typ == beginning && !open || open && strings.HasPrefix(typ, beginning) {
				want = policy.Match
				break
			}
		}
		got, gotString := policies.For([]byte(typ)), policies.ForString(typ)
		if got != gotString || (got == nil) != (want == "") || got != nil && got.Match != want {
			t.Fatalf("%q of %q: got %+v and %+v, want %q", typ, matches, got, gotString, want)
		}
	})
}
