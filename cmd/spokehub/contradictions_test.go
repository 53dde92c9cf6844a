package main

import (
	"slices"
	"strings"
	"testing"
)

func TestContradictionsAreWarnedOf(t *testing.T) {
	t.Parallel()
	_, public := makeKey(t, "EdDSA")
	_, line := newAPIKey(t, "ci")
	apiKeys := writeFile(t, "keys", line)
	for name, c := range map[string]struct {
		arguments []string
		says      string
	}{
		"the defaults":                        {nil, ""},
		"messages longer than a queue":        {[]string{"--max-message=2MiB"}, "--max-message is over --queue-limit"},
		"events longer than messages":         {[]string{"--max-event=100KiB", "--max-message=64KiB"}, "--max-event is over --max-message"},
		"events that fill a queue":            {[]string{"--queue-limit=128KiB", "--max-message=128KiB"}, "--max-event is over a quarter of --queue-limit"},
		"messages too short for topics":       {[]string{"--max-message=512", "--max-event=100"}, "--max-message is too little for subscriptions"},
		"bodies too short for events":         {[]string{"--publish-limit=1KiB"}, "--publish-limit is below --max-event"},
		"a budget of one queue":               {[]string{"--memory-budget=2MiB", "--queue-limit=4MiB"}, "--memory-budget is below --queue-limit"},
		"more clients than files":             {[]string{"--max-connections=1000"}, "the file limit allows fewer clients"},
		"as many clients as files":            {[]string{"--max-connections=936"}, ""},
		"more clients of an address than all": {[]string{"--max-connections=10", "--max-connections-per-address=20"}, "limits nothing"},
		"everybody may publish":               {[]string{"--listen=:0"}, "clients need no token"},
		"everybody may read":                  {[]string{"--listen=:0", "--no-relay"}, ""},
		"keys for no address":                 {[]string{"--admin=", "--api-keys=" + apiKeys}, "--api-keys without --admin"},
		"proxies everywhere":                  {[]string{"--trusted-proxy=::/0"}, "trusts every address"},
		"a PROXY header of anybody":           {[]string{"--listen=:0,proxy-protocol", "--no-relay"}, "whoever reaches the port"},
		"a PROXY header of a proxy":           {[]string{"--listen=:0,proxy-protocol", "--no-relay", "--trusted-proxy=10.0.0.1"}, ""},
		"tokens in queries":                   {[]string{"--jwt-key=" + public, "--jwt-query=t"}, "--jwt-query"},
		"tokens that outlast their end":       {[]string{"--jwt-key=" + public, "--jwt-leeway=1h"}, "--jwt-leeway is long"},
		"a first byte after the handshake":    {[]string{"--first-byte-timeout=20s"}, "--first-byte-timeout is over --handshake-timeout"},
	} {
		s, err := parsedWith(t, "", c.arguments...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		found := s.flags.contradictions(1000)
		if (len(found) == 0) != (c.says == "") || c.says != "" && !strings.Contains(found[0].message, c.says) {
			t.Errorf("%s: got %v, want %q", name, found, c.says)
		}
	}
}

func TestMessagesTooShortForAnySubscriptionAreAMistake(t *testing.T) {
	if _, err := parsedWith(t, "", "--max-message=10"); err == nil || !strings.Contains(err.Error(), "--max-message: 10B is too little") {
		t.Errorf("got %v, want a mistake", err)
	}
}

func TestConfigCommands(t *testing.T) {
	t.Parallel()
	good, bad := writeConfig(t, "workers: 5\nmax-message: 2MiB\n"), writeConfig(t, "workers: many\nlistn: x\n")
	for name, c := range map[string]struct {
		environ        []string
		arguments      []string
		code           int
		stdout, stderr string
	}{
		"check a good file":          {nil, []string{"config", "check", good}, exitOK, "warning: --max-message is over --queue-limit: a client may send messages that it could not receive\n" + good + " is ok\n", ""},
		"check a bad file":           {nil, []string{"config", "check", bad}, exitUsage, "", "spokehub: " + bad + ":1: workers: "},
		"check lists all":            {nil, []string{"config", "check", bad}, exitUsage, "", "spokehub: " + bad + ":2: listn: "},
		"check by flag":              {nil, []string{"config", "check", "--config", good}, exitOK, " is ok\n", ""},
		"check by variable":          {[]string{"SPOKEHUB_CONFIG=" + bad}, []string{"config", "check"}, exitUsage, "", ":2: listn: "},
		"check another file":         {[]string{"SPOKEHUB_CONFIG=" + bad}, []string{"config", "check", good}, exitOK, good + " is ok\n", ""},
		"check a variable":           {[]string{"SPOKEHUB_WORKERS=-1"}, []string{"config", "check"}, exitUsage, "", "(set by SPOKEHUB_WORKERS)"},
		"check what does not exist":  {nil, []string{"config", "check", good + "x"}, exitUsage, "", "there is no such file"},
		"print":                      {[]string{"SPOKEHUB_MAX_TOPICS=9"}, []string{"config", "print", "--config=" + good}, exitOK, "max-topics: 9 # SPOKEHUB_MAX_TOPICS\n", ""},
		"print the file's":           {nil, []string{"config", "print", "--config=" + good}, exitOK, "workers: 5 # " + good + ":1\n", ""},
		"example":                    {[]string{"SPOKEHUB_CONFIG=" + bad}, []string{"config", "example"}, exitOK, "#workers: 256\n", ""},
		"help with a bad file":       {[]string{"SPOKEHUB_CONFIG=" + bad}, []string{"serve", "--help"}, exitOK, "--config=FILE", ""},
		"version with a bad file":    {[]string{"SPOKEHUB_CONFIG=" + bad}, []string{"version"}, exitOK, "spokehub ", ""},
		"a variable for the version": {[]string{"SPOKEHUB_VERSION=1.2.3"}, []string{"version"}, exitOK, "spokehub ", ""},
		"--version":                  {nil, []string{"--version"}, exitOK, "spokehub ", ""},
		"nothing":                    {nil, nil, exitOK, "Usage: spokehub <command>", ""},
		"help":                       {nil, []string{"help"}, exitOK, "Usage: spokehub <command>", ""},
		"help of a command":          {nil, []string{"help", "serve"}, exitOK, "Usage: spokehub serve", ""},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := runBinary(t, c.environ, c.arguments...)
			if code != c.code || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) || (stderr == "") != (c.stderr == "") {
				t.Errorf("got %d, stdout %q and stderr %q, want %d, %q and %q", code, stdout, stderr, c.code, c.stdout, c.stderr)
			}
		})
	}
}

func TestRulesWithoutEffectAreWarnedOf(t *testing.T) {
	t.Parallel()
	_, public := makeKey(t, "EdDSA")
	for name, c := range map[string]struct {
		rules string
		says  []string
	}{
		"none hidden":              {"[{match: 'a:b'}, {match: 'a:*'}, {match: '*'}]", nil},
		"twice the same":           {"[{match: a}, {match: a, publish: nobody}]", []string{`the rule for "a" never holds, since the one for "a"`}},
		"behind a beginning":       {"[{match: 'price*'}, {match: 'price:*', publish: nobody}]", []string{`the rule for "price:*" never holds, since the one for "price*"`}},
		"behind all":               {"[{match: '*'}, {match: 'inbox:$user'}]", []string{`the rule for "inbox:$user" never holds, since the one for "*"`}},
		"a user's of a beginning":  {"[{match: 'a:$user:*'}, {match: 'a:b:*'}]", nil},
		"a longer one":             {"[{match: 'a:b*'}, {match: 'a:*'}]", nil},
		"hidden by a hidden one":   {"[{match: '*'}, {match: 'a*'}, {match: ab}]", []string{`"a*"`, `"ab" never holds, since the one for "*"`}},
		"a topic with a dollar":    {"[{match: 'a$$*'}, {match: 'a$$b'}]", []string{`"a$$b" never holds`}},
		"more than one wants read": {"[{match: '*'}" + strings.Repeat(", {match: a}", 12) + "]", append(slices.Repeat([]string{"never holds"}, 10), "2 more rules")},
	} {
		s, err := parsedWith(t, "topics: "+c.rules+"\n", "--jwt-key="+public)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		found := s.flags.contradictions(1000)
		if len(found) != len(c.says) {
			t.Errorf("%s: got %v, want %q", name, found, c.says)
			continue
		}
		for i, want := range c.says {
			if !strings.Contains(found[i].message, want) {
				t.Errorf("%s: got %q, want %q in it", name, found[i].message, want)
			}
		}
	}
	for rules, want := range map[string]bool{"[{match: a, publish: users}]": true, "[{match: 'a:$user'}]": true, "[{match: a, subscribe: [ada]}]": true, "[{match: a, publish: nobody}]": false, "[{match: 'a:$user', subscribe: nobody, publish: everyone}]": false} {
		s, err := parsedWith(t, "topics: "+rules+"\n")
		if err != nil {
			t.Fatal(err)
		}
		if got := len(s.flags.contradictions(1000)) > 0; got != want {
			t.Errorf("%s without keys: got a warning: %v, want %v", rules, got, want)
		}
	}
}
