package main

import (
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/spokehub/spokehub/fanout"
)

// settingFlags are the flags that a file may set.
func settingFlags(t testing.TB) []*kong.Flag {
	t.Helper()
	parser, err := newParser(&commandLine{}, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return commandsWithFlags(parser)["serve"]
}

// writeConfig writes a configuration file and returns its name.
func writeConfig(t testing.TB, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "spokehub.yaml")
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// parsedWith puts arguments and a file together as spokehub serve does.
func parsedWith(t testing.TB, content string, arguments ...string) (*settings, error) {
	t.Helper()
	arguments = append([]string{"serve"}, arguments...)
	if content != "" {
		arguments = append(arguments, "--config="+writeConfig(t, content))
	}
	return parseSettings(arguments, configPath(arguments), io.Discard, io.Discard)
}

func TestMistakesSayWhereToReadMore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		arguments []string
		want      string
	}{
		"in the file":           {[]string{"config", "check", writeConfig(t, "relais: true\n")}, "config example shows every key"},
		"in a policy":           {[]string{"config", "check", writeConfig(t, "topics: [{match: a, behind: latest}]\n")}, "config example shows every key"},
		"in a flag":             {[]string{"config", "check", "--workers=-1"}, "(spokehub serve --help lists every flag)"},
		"in a flag of a client": {[]string{"sub", "a", "--since=1"}, "(spokehub sub --help lists every flag)"},
	} {
		var stderr strings.Builder
		if code := run(c.arguments, io.Discard, &stderr); code != exitUsage || !strings.Contains(stderr.String(), c.want) {
			t.Errorf("%s: got %d and %q, want %q in it", name, code, &stderr, c.want)
		}
	}
}

func TestMistakesInAFileNameLineAndKey(t *testing.T) {
	t.Parallel()
	aliases := "host: &big [" + strings.Repeat("a,", 1000) + "a]\ntopics:\n" + strings.Repeat("  - {match: a, subscribe: *big}\n", 200)
	for name, c := range map[string]struct {
		content string
		want    []string
	}{
		"an unknown key":              {"relay: true\nlistn: :8080\n", []string{":2: listn: there is no such key; did you mean listen?"}},
		"a key with underscores":      {"queue_limit: 1MiB\n", []string{":1: queue_limit: ", "did you mean queue-limit?"}},
		"a key in camel case":         {"maxTopics: 5\n", []string{"did you mean max-topics?"}},
		"a plural":                    {"origins: []\n", []string{"did you mean origin?"}},
		"a key like no other":         {"xyzzy-plugh: 1\n", []string{":1: xyzzy-plugh: there is no such key; spokehub config example"}},
		"a key of a later version":    {"topics:\n  - match: a\n    compress: 5\n", []string{":3: topics: compress: there is no such key"}},
		"a negation":                  {"no-page: true\n", []string{`write "page: false"`}},
		"another file":                {"config: other.yaml\n", []string{":1: config: a file can't name another one"}},
		"help":                        {"help: true\n", []string{":1: help: there is no such key"}},
		"a key that stands twice":     {"relay: true\nbinary: true\nrelay: false\n", []string{":3: relay: the key stands in line 1 already"}},
		"a number that is none":       {"workers: many\n", []string{`:1: workers: "many" is not a whole number`}},
		"half a number":               {"workers: 1.5\n", []string{":1: workers: "}},
		"a size that is none":         {"queue-limit: big\n", []string{`:1: queue-limit: "big" is not a size`}},
		"a negative size":             {"queue-limit: -5\n", []string{":1: queue-limit: ", "negative"}},
		"a time without a unit":       {"ping-interval: 5\n", []string{`:1: ping-interval: "5" is not a time`}},
		"a bool that is none":         {"relay: maybe\n", []string{":1: relay: want true or false"}},
		"a choice that is none":       {"log-level: loud\n", []string{":1: log-level: want one of debug, info, warn, error"}},
		"a list for one value":        {"path: [/a, /b]\n", []string{":1: path: want one text, and got a list"}},
		"keys for one value":          {"path: {a: b}\n", []string{":1: path: want one text, and got keys with values"}},
		"a missing value":             {"relay: true\nqueue-limit:\n", []string{":2: queue-limit: the value is missing"}},
		"a missing item":              {"origin:\n  - https://a.example\n  -\n", []string{":3: origin: the value is missing"}},
		"a list in a list":            {"origin:\n  - [a]\n", []string{":2: origin: ", "got a list"}},
		"an address without a port":   {"relay: true\nlisten: localhost\n", []string{"--listen: ", ".yaml:2)"}},
		"no address":                  {"listen: []\n", []string{"--listen: there is no address", ".yaml:1)"}},
		"an unknown option":           {"listen:\n  - {address: ':0', tls-crt: a}\n", []string{":2: listen: ", "tls-crt: there is no such option; did you mean tls-cert?"}},
		"an entry without an address": {"listen:\n  - {mode: 0600}\n", []string{":2: listen: an entry has no address"}},
		"what the hub rejects":        {"relay: true\nreactors: 100\n", []string{"--reactors: 100 is not between", ".yaml:2)"}},
		"an origin that is none":      {"origin: example.com\n", []string{"--origin: ", ".yaml:1)"}},
		"two that exclude each other": {"drain-grace: 20s\ndrain-timeout: 10s\n", []string{"--drain-timeout", ".yaml:1 and ", ".yaml:2)"}},
		"several mistakes":            {"relay: 5\nlistn: a\nworkers: -1\npath: ws\n", []string{":1: relay", ":2: listn", "--workers: -1", "--path"}},
		"a pattern that is none":      {"topics:\n  - match: a*b\n", []string{":2: topics: pattern \"a*b\""}},
		"a rule without a pattern":    {"topics:\n  - subscribe: users\n", []string{":2: topics: match is empty"}},
		"a rule with an unknown key":  {"topics:\n  - match: a\n    subscrib: users\n", []string{":3: topics: subscrib: there is no such key; did you mean subscribe?"}},
		"a name outside a list":       {"topics:\n  - match: a\n    publish: ada\n", []string{":3: topics: publish: want everyone, users, owner, nobody"}},
		"a word beside names":         {"topics:\n  - match: a\n    publish: [ada, users]\n", []string{":2: topics: ", "publish", "users"}},
		"topics that are no list":     {"topics: {match: a}\n", []string{":1: topics: want a list"}},
		"a rule that is a word":       {"topics: [price]\n", []string{`:1: want keys with values`}},
		"a rule that is a text":       {"topics: [price]\n", []string{`such as "match: price"`}},
		"an empty audience":           {"topics:\n  - {match: a, publish: ''}\n", []string{":2: topics: publish: ", "got nothing"}},
		"an empty entry":              {"jwt-key: ''\n", []string{":1: jwt-key: an entry is empty"}},
		"an open bracket":             {"listen: [:8080\n", []string{":1: this is not YAML"}},
		"a list at the top":           {"- relay\n", []string{":1: want keys with values"}},
		"a word at the top":           {"relay\n", []string{":1: want keys with values"}},
		"a tab":                       {"relay:\n\t- true\n", []string{":2: this is not YAML", "tab"}},
		"an asterisk without quotes":  {"topics:\n  - match: *\n", []string{":2: this is not YAML", "such as '*', needs quotes"}},
		"an open quote":               {"path: \"/ws\n", []string{"this is not YAML"}},
		"two documents":               {"relay: true\n---\nrelay: false\n", []string{"a second document begins here"}},
		"no text":                     {"path: \xff\xfe\n", []string{"not text in UTF-8"}},
		"nothing but space":           {" \n\n", []string{"the file is empty"}},
		"an alias to itself":          {"listen: &a [*a]\n", []string{":1: listen: "}},
		"an alias to nothing":         {"listen: *a\n", []string{"this is not YAML: unknown anchor"}},
		"merged keys":                 {"<<: {relay: true}\n", []string{":1: <<: keys can't be merged"}},
		"aliases of aliases":          {aliases, []string{"more than 100000 values"}},
		"a file that is too long":     {strings.Repeat("#", maxConfigFile+1), []string{"longer than 1MiB"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parsedWith(t, c.content)
			if err == nil {
				t.Fatal("got no error, want one")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want %q in it", err, want)
				}
			}
			if !strings.Contains(err.Error(), "spokehub.yaml") {
				t.Errorf("got %q, want the name of the file in it", err)
			}
		})
	}
}

func TestFilesThatCanNotBeReadAreExplained(t *testing.T) {
	directory := t.TempDir()
	for name, want := range map[string]string{directory: "this is a directory", filepath.Join(directory, "none.yaml"): "there is no such file"} {
		_, err := parseSettings([]string{"serve", "--config", name}, name, io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), name+": "+want) {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
}

func TestFlagBeatsVariableBeatsFileBeatsDefault(t *testing.T) {
	t.Setenv("SPOKEHUB_WORKERS", "20")
	t.Setenv("SPOKEHUB_MAX_TOPICS", "20")
	t.Setenv("SPOKEHUB_QUEUE_LIMIT", "")
	s, err := parsedWith(t, "workers: 10\nmax-topics: 10\nqueue-limit: 256KiB\nrelay: false\nadmin: ''\npage: false\n"+
		"origin: https://a.example\nhost: [a.example, 'b.example']\nlisten:\n  - '127.0.0.1:0'\n  - {address: 'unix:/run/a b.sock', mode: 0660}\n"+
		"topics:\n  - {match: 'inbox:$user', subscribe: users, publish: [ada]}\n",
		"--workers=30", "--page")
	if err != nil {
		t.Fatal(err)
	}
	got := *s.flags
	if got.Workers != 30 || got.MaxTopics != 20 || got.QueueLimit != 256<<10 || got.Relay || got.Admin != "" || !got.Page || got.MaxEvent != 64<<10 {
		t.Errorf("got %+v, want 30 workers, 20 topics, queues of 256 KiB, no relay, no admin address, the page and the default of events", got)
	}
	if want := []string{"127.0.0.1:0", "unix:/run/a b.sock,mode=0660"}; !slices.Equal(got.Listen, want) {
		t.Errorf("got the addresses %q, want %q", got.Listen, want)
	}
	if want := []string{"a.example", "b.example"}; !slices.Equal(got.Hosts, want) || !slices.Equal(got.Origins, []string{"https://a.example"}) {
		t.Errorf("got the hosts %q and the origins %q, want %q and one", got.Hosts, got.Origins, want)
	}
	if want := []fanout.TopicRule{{Match: "inbox:$user", Subscribe: []string{"users"}, Publish: []string{"ada"}}}; !reflect.DeepEqual(got.TopicRules, want) {
		t.Errorf("got the rules %+v, want %+v", got.TopicRules, want)
	}
	for name, want := range map[string]string{"workers": "--workers", "max-topics": "SPOKEHUB_MAX_TOPICS", "queue-limit": ".yaml:3", "max-event": "", "page": "--page"} {
		if source := s.sources.of(name); !strings.HasSuffix(source, want) || want == "" && source != "" {
			t.Errorf("%s: got the source %q, want %q", name, source, want)
		}
	}
}

func TestFileWithAByteOrderMarkOrCommentsAloneIsRead(t *testing.T) {
	if s, err := parsedWith(t, "\uFEFFworkers: 7\n"); err != nil || s.flags.Workers != 7 {
		t.Errorf("got %v behind a byte order mark, want 7 workers", err)
	}
	s, err := parsedWith(t, "# nothing\n")
	if err != nil || !s.sources.isEmptyFile() {
		t.Errorf("got %v for comments alone, want a file that sets nothing", err)
	}
}

// defaultsIn takes the # away ahead of the keys of the example.
func defaultsIn(example string) string {
	return regexp.MustCompile(`(?m)^#([a-z]|  )`).ReplaceAllString(example, "$1")
}

func TestExampleHasEveryKeyAndItsDefault(t *testing.T) {
	flags := settingFlags(t)
	var example strings.Builder
	if err := printExample(&example, flags); err != nil {
		t.Fatal(err)
	}
	defaults, err := parsedWith(t, "")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"as it is": example.String(), "with every key": defaultsIn(example.String())} {
		got, err := parsedWith(t, content)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for key, want := range defaults.values() {
			value := got.values()[key]
			if isEmpty := reflect.ValueOf(value).Kind() == reflect.Slice && reflect.ValueOf(value).Len() == 0 && reflect.ValueOf(want).Len() == 0; isEmpty || key == topicsKey || key == policiesKey {
				continue
			}
			if !reflect.DeepEqual(value, want) {
				t.Errorf("%s: %s: got %v, want %v", name, key, value, want)
			}
		}
		if name == "with every key" {
			for _, flag := range flags {
				if isSetting(flag) && got.sources.file.lines[flag.Name] == 0 {
					t.Errorf("got an example without %s, want every key", flag.Name)
				}
			}
		}
	}
}

func TestPrintedConfigurationIsTheSame(t *testing.T) {
	if _, err := parsedWith(t, "host: ['*']\norigin: ['https://a.example']\nlisten: [':8080', 'unix:/run/a b.sock,mode=0600']\npath: '/a#b'\ntopics:\n  - {match: 'a:$user', subscribe: [ada, 'b,c'], publish: nobody}\n", "--workers=5"); err == nil {
		t.Fatal("got a path with a fragment, want an error")
	}
	s, err := parsedWith(t, "host: ['*']\norigin: ['https://a.example']\nlisten: [':8080', 'unix:/run/a b.sock,mode=0600']\ntopics:\n  - {match: 'a:$user', subscribe: [ada, 'b,c'], publish: nobody}\n", "--workers=5")
	if err != nil {
		t.Fatal(err)
	}
	var printed strings.Builder
	if err := s.print(&printed); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"workers: 5 # --workers\n", "max-topics: 1024 # default\n", ".yaml:1\n", "subscribe: [\"ada\", \"b,c\"]\n"} {
		if !strings.Contains(printed.String(), want) {
			t.Errorf("got %s, want %q in it", printed.String(), want)
		}
	}
	again, err := parsedWith(t, printed.String())
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range s.values() {
		if got := again.values()[key]; !reflect.DeepEqual(got, want) && reflect.ValueOf(want).Kind() != reflect.Slice {
			t.Errorf("%s: got %v from what was printed, want %v", key, got, want)
		}
	}
	if !reflect.DeepEqual(again.flags.TopicRules, s.flags.TopicRules) || !slices.Equal(again.flags.Listen, s.flags.Listen) {
		t.Errorf("got %v and %v from what was printed, want %v and %v", again.flags.TopicRules, again.flags.Listen, s.flags.TopicRules, s.flags.Listen)
	}
}

func TestPrintedURLsHaveNoSecrets(t *testing.T) {
	for text, want := range map[string]string{
		"someone@example.com":                   "someone@example.com",
		"https://a.example/keys":                "https://a.example/keys",
		"https://ada:secret@a.example/keys":     "https://REDACTED@a.example",
		"https://secret@a.example/":             "https://REDACTED@a.example",
		"https://a.example/keys?token=secret&b": "https://a.example/keys?REDACTED",
		"/etc/spokehub/keys":                    "/etc/spokehub/keys",
		"https://*.a.example":                   "https://*.a.example",
	} {
		if got := withoutPassword(text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func FuzzConfigFile(f *testing.F) {
	for _, seed := range []string{
		"relay: true\n", "topics: [{match: 'a:$b'}]\n", "listen: [':8080', {address: 'unix:/a', mode: 0660}]\n", "topics:\n  - {match: a, subscribe: [b]}\n",
		"a: &a [*a]\nlisten: *a\n", "<<: {}\n", "relay:\n\t- x", "? [a]\n: b\n", "queue-limit: !!binary aGk=\n", "--- \n...\n---\n", "host: &h [a]\norigin: *h\n",
	} {
		f.Add([]byte(seed))
	}
	flags := settingFlags(f)
	f.Fuzz(func(t *testing.T, content []byte) {
		file := parseConfigFile("f.yaml", content, flags)
		for _, err := range file.mistakes {
			if text := err.Error(); !strings.HasPrefix(text, "f.yaml:") || strings.Contains(text, "\n") {
				t.Errorf("got the error %q, want one line that begins with the file", text)
			}
		}
		for key := range file.texts {
			if file.lines[key] == 0 {
				t.Errorf("got a value of %s without a line, want one", key)
			}
		}
	})
}
