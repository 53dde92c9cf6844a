package main

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/stream"
)

func TestPoliciesOfTheFile(t *testing.T) {
	s, err := parsedWith(t, `
topics:
  - match: price*
    publish: [feed]
    history: {events: 1000, bytes: 1MiB, age: 10m, latest_per_id: true}
    behind: latest
    presence: true
    interest: id
  - match: inbox:$user
    publish: nobody
  - {match: cost$$, behind: skip}
  - match: order.created
    history:
      age: 1h
    behind: catch-up
  - {match: audit, behind: close}
  - {match: '*', history: {events: 10}, presence: false}
`, "--history=trade=5", "--history=tick*=7")
	if err != nil {
		t.Fatal(err)
	}
	want := []stream.Policy{
		{Match: "price*", History: stream.History{Events: 1000, Bytes: 1 << 20, Age: 10 * time.Minute, LatestPerID: true}, Behind: stream.Latest, Presence: true, Interest: stream.ByID},
		{Match: "cost$", Behind: stream.Skip},
		{Match: "order.created", History: stream.History{Age: time.Hour}, Behind: stream.CatchUp},
		{Match: "audit"},
		{Match: "*", History: stream.History{Events: 10}},
	}
	if !reflect.DeepEqual(s.flags.Policies, want) {
		t.Errorf("got %+v, want %+v", s.flags.Policies, want)
	}
	if rules := s.flags.TopicRules; len(rules) != 2 || rules[0].Match != "price*" || rules[1].Match != "inbox:$user" {
		t.Errorf("got the rules %v, want those of price* and of inbox:$user", rules)
	}
	ofFlags := []stream.Policy{
		{Match: "trade", History: stream.History{Events: 5}, Behind: stream.CatchUp},
		{Match: "tick*", History: stream.History{Events: 7}, Behind: stream.CatchUp},
	}
	config, err := (&service{flags: *s.flags}).hubConfig()
	if err != nil || !reflect.DeepEqual(config.Policies, slices.Concat(ofFlags, want)) {
		t.Errorf("got %+v and %v for the hub, want those of --history ahead of those of the file", config.Policies, err)
	}
	var printed strings.Builder
	if err := s.print(&printed); err != nil {
		t.Fatal(err)
	}
	again, err := parsedWith(t, printed.String())
	if err != nil || !reflect.DeepEqual(again.flags.policies(), s.flags.policies()) || !reflect.DeepEqual(again.flags.TopicRules, s.flags.TopicRules) {
		t.Errorf("got %v and others from what was printed, want the same:\n%s", err, printed.String())
	}
}

func TestMistakesInPoliciesNameLineAndKey(t *testing.T) {
	t.Parallel()
	many := strings.Builder{}
	many.WriteString("topics:\n")
	for i := range maxPolicies + 1 {
		fmt.Fprintf(&many, "  - {match: a%d., behind: skip}\n", i)
	}
	const entry = "topics:\n  - match: price\n    "
	for name, c := range map[string]struct {
		content   string
		arguments []string
		want      []string
	}{
		"a history that is a number":     {entry + "history: 1000\n", nil, []string{`:3: topics: history: want keys with values, such as {events: 1000}, and got "1000"`}},
		"a history of nothing":           {entry + "history: {}\n", nil, []string{":3: topics: history: it would keep nothing"}},
		"a history of zero":              {entry + "history: {events: 0, latest_per_id: false}\n", nil, []string{":3: topics: history: it would keep nothing"}},
		"a colon without a space":        {entry + "history: {events:5}\n", nil, []string{":3: topics: history: events:5: there is no such key: put a space behind the colon of events"}},
		"an unknown key of a history":    {entry + "history: {event: 5}\n", nil, []string{":3: topics: history: event: there is no such key; did you mean events?"}},
		"a strange key of a history":     {entry + "history: {colour: 5}\n", nil, []string{":3: topics: history: colour: there is no such key: there are events, bytes, age, latest_per_id"}},
		"a dash in latest_per_id":        {entry + "history: {latest-per-id: true}\n", nil, []string{"did you mean latest_per_id?"}},
		"a key of a history twice":       {entry + "history: {events: 5, events: 6}\n", nil, []string{"events: the key stands in line 3 already"}},
		"half an event":                  {entry + "history: {events: 1.5}\n", nil, []string{`:3: topics: history: events: "1.5" is not a whole number`}},
		"fewer events than none":         {entry + "history: {events: -5}\n", nil, []string{`:2: topics: match "price": events of the history are -5`}},
		"bytes that are none":            {entry + "history: {bytes: big}\n", nil, []string{`:3: topics: history: bytes: "big" is not a size`}},
		"bytes for no event":             {entry + "history: {bytes: 100}\n", nil, []string{`:2: topics: match "price": bytes of the history are 100, too few`}},
		"an age without a unit":          {entry + "history: {age: 10}\n", nil, []string{`:3: topics: history: age: "10" is not a time`}},
		"an age of centuries":            {entry + "history: {age: 1000000h}\n", nil, []string{`:2: topics: match "price": age of the history is`}},
		"a truth that is none":           {entry + "history: {latest_per_id: maybe}\n", nil, []string{":3: topics: history: latest_per_id: want true or false, and got \"maybe\""}},
		"a missing value":                {entry + "history: {events: }\n", nil, []string{":3: topics: history: events: want a whole number, and got nothing"}},
		"a list for one value":           {entry + "behind: [close]\n", nil, []string{":3: topics: behind: want close, catch-up, latest or skip, and got a list"}},
		"a behind that is none":          {entry + "behind: drop\n", nil, []string{`:3: topics: behind: there is no behind "drop": use close, catch-up, latest or skip`}},
		"a presence that is none":        {entry + "presence: 1\n", nil, []string{":3: topics: presence: want true or false"}},
		"an interest that is none":       {entry + "interest: ids\n", nil, []string{`:3: topics: interest: there is no interest "ids": use type, id or auto`}},
		"an unknown key":                 {entry + "histroy: {events: 5}\n", nil, []string{":3: topics: histroy: there is no such key; did you mean history?"}},
		"catching up from nothing":       {entry + "behind: catch-up\n", nil, []string{":2: topics: match \"price\": behind is catch-up, but there is no history"}},
		"the latest of nothing":          {entry + "behind: latest\n", nil, []string{":2: topics: match \"price\": behind is latest, but there is no history"}},
		"skipping what is kept":          {entry + "behind: skip\n    history: {events: 5}\n", nil, []string{":2: topics: match \"price\": behind is skip, which is for types without history"}},
		"defaults alone":                 {entry + "presence: false\n", nil, []string{":2: topics: match \"price\" has nothing but defaults"}},
		"no match":                       {"topics:\n  - behind: skip\n", nil, []string{":2: topics: match is empty"}},
		"an id":                          {"topics:\n  - {match: 'price:*', behind: skip}\n", nil, []string{":2: topics: match \"price:*\" is fine for subscribe and publish alone", "match: price"}},
		"an id of a rule as well":        {"topics:\n  - {match: 'price:a', publish: nobody, presence: true}\n", nil, []string{":2: topics: match \"price:a\" is fine for subscribe and publish alone"}},
		"a user":                         {"topics:\n  - {match: 'inbox$user', presence: true}\n", nil, []string{":2: topics: match \"inbox$user\" is fine for subscribe and publish alone", "without $user"}},
		"a dollar alone":                 {"topics:\n  - {match: 'a$b', presence: true}\n", nil, []string{":2: topics: pattern \"a$b\"", "$$ a dollar sign"}},
		"an asterisk inside":             {"topics:\n  - {match: 'a*b', behind: skip}\n", nil, []string{":2: topics: pattern \"a*b\""}},
		"a type of control events":       {"topics:\n  - {match: '__a', behind: skip}\n", nil, []string{":2: topics: pattern \"__a\""}},
		"two for one type":               {"topics:\n  - {match: a, behind: skip}\n  - match: a\n    history: {events: 5}\n", nil, []string{`:3: topics: match "a" stands twice, and the first that matches holds: put all that is to hold for it into one`, `(the one for "a": `, ".yaml:2)"}},
		"one behind a wider one":         {"topics:\n  - {match: 'a*', behind: skip}\n  - {match: b, behind: skip}\n  - {match: 'ab*', history: {events: 5}}\n", nil, []string{`:4: topics: match "ab*" can never hold, because "a*" covers it`, ".yaml:2)"}},
		"two behind a wider one":         {"topics:\n  - {match: '*', behind: skip}\n  - {match: a, behind: skip}\n  - {match: b, behind: skip}\n", nil, []string{`:3: topics: match "a" can never hold`, `:4: topics: match "b" can never hold`}},
		"one behind --history":           {"topics:\n  - {match: ab, behind: skip}\n", []string{"--history=a*=5"}, []string{`:2: topics: match "ab" can never hold`, `(the one for "a*": --history a*=5)`}},
		"too many":                       {many.String(), nil, []string{fmt.Sprintf(":%d: topics: more than 1000 entries have history", maxPolicies+2)}},
		"a history of the list of flags": {"history: [price]\n", nil, []string{`:1: history: "price" does not say how many events: write TYPE=EVENTS, as in price=1000`}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parsedWith(t, c.content, c.arguments...)
			if err == nil {
				t.Fatal("got no error, want one")
			}
			for _, want := range append(c.want, "spokehub.yaml") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want %q in it", err, want)
				}
			}
		})
	}
}

func TestMistakesInHistoryFlags(t *testing.T) {
	for name, c := range map[string]struct {
		values []string
		want   string
	}{
		"no number":           {[]string{"price"}, "does not say how many events"},
		"an empty number":     {[]string{"price="}, "want a whole number of events behind the ="},
		"no events":           {[]string{"price=0"}, "1 or more"},
		"less than none":      {[]string{"price=-1"}, "1 or more"},
		"half an event":       {[]string{"price=1.5"}, "whole number"},
		"too many":            {[]string{"price=99999999999999999999"}, "whole number"},
		"no type":             {[]string{"=5"}, "it is empty"},
		"an id":               {[]string{"price:a=5"}, "it has a colon"},
		"a space between two": {[]string{"price=5 chat=6"}, "put a comma between two"},
		"a semicolon":         {[]string{"price=5;chat=6"}, "put a comma between two"},
		"an asterisk ahead":   {[]string{"*price=5"}, "an asterisk may stand only at the end"},
		"two for one type":    {[]string{"a=1", "a=2"}, `--history: "a=2": topics: match "a" stands twice`},
		"a wider one ahead":   {[]string{"*=1", "a=2"}, `(the one for "*": --history *=1)`},
	} {
		var arguments []string
		for _, value := range c.values {
			arguments = append(arguments, "--history="+value)
		}
		if _, err := parsedWith(t, "", arguments...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q in it", name, err, c.want)
		}
	}
}

func TestHistoryComesFromAVariable(t *testing.T) {
	t.Setenv("SPOKEHUB_HISTORY", "a=1,b*=2")
	s, err := parsedWith(t, "")
	if err != nil || !slices.Equal(s.flags.History, []historyFlag{"a=1", "b*=2"}) || s.sources.of("history") != "SPOKEHUB_HISTORY" {
		t.Errorf("got %v and %v, want two of the variable", s, err)
	}
	if s, err = parsedWith(t, "", "--history=c=3"); err != nil || !slices.Equal(s.flags.History, []historyFlag{"c=3"}) {
		t.Errorf("got %v and %v, want that of the flag alone", s, err)
	}
	t.Setenv("SPOKEHUB_HISTORY", "a=1,a=2")
	if _, err = parsedWith(t, ""); err == nil || !strings.Contains(err.Error(), "(set by SPOKEHUB_HISTORY)") {
		t.Errorf("got %v, want the variable named", err)
	}
}

func TestPoliciesThatDoLessThanTheySayAreWarnedOf(t *testing.T) {
	t.Parallel()
	_, public := makeKey(t, "EdDSA")
	for name, c := range map[string]struct {
		content   string
		arguments []string
		says      []string
	}{
		"one that fits":              {"topics: [{match: a, history: {bytes: 1MiB}, behind: latest}]\n", nil, nil},
		"a flag":                     {"", []string{"--history=a=5"}, nil},
		"no room for an event":       {"topics: [{match: a, history: {bytes: 32KiB}}]\n", nil, []string{`the history of "a" has 32KiB, too little for an event of --max-event, which is 64KiB`}},
		"just no room for an event":  {"topics: [{match: a, history: {bytes: 64KiB}}]\n", nil, []string{"those that do not fit are sent and not kept"}},
		"default room for long ones": {"topics: [{match: a, history: {events: 5}}]\nmax-event: 32MiB\nmax-message: 32MiB\nqueue-limit: 128MiB\n", nil, []string{`the history of "a" has 16MiB, too little`}},
		"more than the budget":       {"topics: [{match: a, history: {bytes: 1GiB}}]\nmemory-budget: 1GiB\n", nil, []string{`the history of "a" may take 1GiB, and all streams together get half of --memory-budget, which is 1GiB`}},
		"keys that NATS forgets":     {"topics: [{match: a, history: {age: 4m}}, {match: b, history: {age: 5m}}, {match: c, history: {events: 5}}]\nbroker: 'nats://127.0.0.1:1'\n", nil, []string{`the history of "a" has an age of 4m0s, and NATS remembers an Idempotency-Key no longer than that`}},
		"keys that NATS remembers":   {"topics: [{match: b, history: {age: 5m}}, {match: c, history: {events: 5}}]\nbroker: 'nats://127.0.0.1:1'\n", nil, nil},
		"keys that Redis remembers":  {"topics: [{match: a, history: {age: 4m}}]\nbroker: 'redis://127.0.0.1:1'\n", nil, nil},
		"keys that a hub remembers":  {"topics: [{match: a, history: {age: 4m}}]\n", nil, nil},
		"presence of strangers":      {"topics: [{match: a, presence: true}]\n", nil, []string{"presence tells who is there, and without --jwt-key"}},
		"presence of users":          {"topics: [{match: a, presence: true}]\n", []string{"--jwt-key=" + public}, nil},
		"a rule without its ids":     {"topics: [{match: a, publish: nobody, behind: skip}]\n", nil, []string{`the rule for "a" is about the topic "a" alone`, `write a rule for "a:*" too`}},
		"a rule with its ids":        {"topics: [{match: a, publish: nobody, behind: skip}, {match: 'a:*', publish: nobody}]\n", nil, nil},
		"a rule for all ids":         {"topics: [{match: 'a*', publish: nobody, behind: skip}]\n", nil, nil},
		"a rule that restricts none": {"topics: [{match: a, publish: everyone, behind: skip}]\n", nil, nil},
	} {
		s, err := parsedWith(t, c.content, c.arguments...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var said []string
		for _, found := range s.flags.contradictions(1000) {
			said = append(said, found.message)
		}
		text := strings.Join(said, "\n")
		if (len(said) == 0) != (len(c.says) == 0) {
			t.Errorf("%s: got %q, want %q", name, said, c.says)
		}
		for _, want := range c.says {
			if !strings.Contains(text, want) {
				t.Errorf("%s: got %q, want %q", name, said, c.says)
			}
		}
	}
}

func TestReloadNamesPoliciesForARestart(t *testing.T) {
	t.Parallel()
	const rule = "topics:\n  - {match: news, publish: nobody}\n"
	hub, name := startHubFrom(t, rule+"  - {match: price, history: {events: 5}}\n")
	record := hub.reload(t, name, "topics:\n  - {match: news, publish: everyone}\n  - {match: price, history: {events: 6}}\n", "configuration reloaded")
	if !reflect.DeepEqual(record["changed"], []any{topicsKey}) || !reflect.DeepEqual(record["need_restart"], []any{policiesKey}) {
		t.Errorf("got %v, want the rules changed and the policies for a restart", record)
	}
	if record := hub.reload(t, name, rule+"  - {match: 'news*', behind: skip}\n  - {match: news, behind: skip}\n", "the configuration was not reloaded, and nothing has changed"); !strings.Contains(fmt.Sprint(record["error"]), "can never hold") {
		t.Errorf("got %v, want the policy that can never hold", record)
	}
}
