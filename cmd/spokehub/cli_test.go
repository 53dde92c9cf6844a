package main

import (
	"net"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/prometheus/client_golang/prometheus"
)

func serveFlagNames(t *testing.T) []string {
	t.Helper()
	parser, err := kong.New(&commandLine{}, kong.DefaultEnvars(envPrefix), flagGroups)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, node := range parser.Model.Children {
		if node.Name != "serve" {
			continue
		}
		for _, flag := range node.Flags {
			names = append(names, flag.Name)
		}
	}
	return names
}

func TestHelpDescribesEveryFlag(t *testing.T) {
	t.Parallel()
	help, stderr, code := runBinary(t, nil, "serve", "--help")
	if code != exitOK || stderr != "" {
		t.Fatalf("got exit code %d and on stderr %q, want 0 and nothing", code, stderr)
	}
	flat := strings.Join(strings.Fields(help), " ")
	for _, name := range serveFlagNames(t) {
		described := regexp.MustCompile(`--(\[no-\])?` + name + `[ =].*?\(default[^)]*\)+ \(\$SPOKEHUB_` +
			strings.ToUpper(strings.ReplaceAll(name, "-", "_")) + `\)`)
		if !described.MatchString(flat) {
			t.Errorf("got a help without the default or the variable of --%s, want both:\n%s", name, help)
		}
	}
	for _, want := range []string{"1MiB", "127.0.0.1:8080", "curl ", "10s or 1m30s"} {
		if !strings.Contains(flat, want) {
			t.Errorf("got a help without %q, want it", want)
		}
	}
}

func TestHelpOfTheProgramNamesItsCommands(t *testing.T) {
	t.Parallel()
	help, _, code := runBinary(t, nil, "--help")
	if code != exitOK || !strings.Contains(help, "serve") || !strings.Contains(help, "version") {
		t.Errorf("got exit code %d and %s, want 0, serve and version", code, help)
	}
}

func TestVersionPrintsTheGoRelease(t *testing.T) {
	t.Parallel()
	stdout, _, code := runBinary(t, nil, "version")
	if code != exitOK || !strings.HasPrefix(stdout, "spokehub ") || !strings.Contains(stdout, runtime.Version()) {
		t.Errorf("got exit code %d and %q, want 0, spokehub and %s", code, stdout, runtime.Version())
	}
}

// unusedAddress is an address with a port that was free a moment ago.
func unusedAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func TestMistakesAreReportedInOneLine(t *testing.T) {
	t.Parallel()
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	unused := unusedAddress(t)
	const free = "--listen=127.0.0.1:0"
	for name, c := range map[string]struct {
		environ   []string
		arguments []string
		code      int
		names     string
	}{
		"a command below config that is none":  {nil, []string{"config", "chek"}, exitUsage, "(spokehub config --help lists every command)"},
		"a token without its flags":            {nil, []string{"token", "make"}, exitUsage, "(spokehub token make --help lists every flag)"},
		"a command of tokens that is none":     {nil, []string{"token", "mkae"}, exitUsage, "(spokehub token --help lists every command)"},
		"a command that does not exist":        {nil, []string{"sreve"}, exitUsage, "(spokehub --help lists every command)"},
		"a flag ahead of a command":            {nil, []string{"--foo"}, exitUsage, "(spokehub --help lists every command)"},
		"a flag that does not exist":           {nil, []string{"serve", "--lisen=:0"}, exitUsage, "--listen"},
		"a value of the wrong kind":            {nil, []string{"serve", "--workers=many"}, exitUsage, "--workers"},
		"a variable of the wrong kind":         {[]string{"SPOKEHUB_WORKERS=many"}, []string{"serve"}, exitUsage, "SPOKEHUB_WORKERS"},
		"a size without a number":              {nil, []string{"serve", "--queue-limit=MiB"}, exitUsage, "--queue-limit"},
		"a size of 0":                          {nil, []string{"serve", "--queue-limit=0"}, exitUsage, "--queue-limit"},
		"a value that the hub rejects":         {nil, []string{"serve", free, "--admin=", "--reactors=-1"}, exitUsage, "--reactors"},
		"an origin that the hub rejects":       {nil, []string{"serve", free, "--admin=", "--origin=example.com"}, exitUsage, "--origin"},
		"a level that does not exist":          {nil, []string{"serve", "--log-level=loud"}, exitUsage, "--log-level"},
		"an address without a port":            {nil, []string{"serve", "--listen=localhost"}, exitUsage, "--listen"},
		"a port that does not exist":           {nil, []string{"serve", "--listen=127.0.0.1:99999"}, exitUsage, "--listen"},
		"an admin port that is none":           {nil, []string{"serve", free, "--admin=127.0.0.1:65536"}, exitUsage, "--admin"},
		"an admin address that is none":        {nil, []string{"config", "check", "--admin=300.0.0.1:1"}, exitUsage, "no address"},
		"an admin address without a port":      {nil, []string{"serve", "--admin=localhost"}, exitUsage, "--admin"},
		"a path without a slash":               {nil, []string{"serve", "--path=ws"}, exitUsage, "--path"},
		"a path that has another use":          {nil, []string{"serve", "--path=/healthz"}, exitUsage, "--path"},
		"a path that is the page's":            {nil, []string{"serve", "--path=/"}, exitUsage, "--no-page"},
		"a path that browsers rewrite":         {nil, []string{"serve", "--path=/../ws"}, exitUsage, "--path"},
		"deadlines that don't go together":     {nil, []string{"serve", free, "--admin=", "--ping-interval=2m"}, exitUsage, "--ping-interval"},
		"a drain that is longer than its time": {nil, []string{"serve", "--drain-grace=40s"}, exitUsage, "--drain-timeout"},
		"a negative size":                      {nil, []string{"serve", "--queue-limit", "-5"}, exitUsage, `--queue-limit: "-5" is negative`},
		"a negative size behind =":             {nil, []string{"serve", "--memory-budget=-1KiB"}, exitUsage, "is negative"},
		"a negative number":                    {nil, []string{"serve", "--max-topics", "-5"}, exitUsage, "--max-topics: -5 is negative"},
		"a negative limit":                     {nil, []string{"serve", "--max-events-per-second=-1"}, exitUsage, "--max-events-per-second: -1 is negative"},
		"a negative time":                      {nil, []string{"serve", "--ping-interval", "-5s"}, exitUsage, "--ping-interval: -5s is negative"},
		"a number that is too large":           {nil, []string{"serve", "--workers=99999999999999999999"}, exitUsage, "too large"},
		"half a worker":                        {nil, []string{"serve", "--workers=1.5"}, exitUsage, "not a whole number"},
		"a time without a unit":                {nil, []string{"serve", "--ping-interval=5"}, exitUsage, "such as 500ms"},
		"a time that is too long":              {nil, []string{"serve", "--peer-timeout=999999999h"}, exitUsage, "too long"},
		"a size that is too large":             {nil, []string{"serve", free, "--admin=", "--queue-limit=5GiB"}, exitUsage, "--queue-limit"},
		"a flag without a value":               {nil, []string{"serve", "--listen"}, exitUsage, "--listen: a value is missing"},
		"a list without a value":               {nil, []string{"serve", "--origin"}, exitUsage, "--origin: a value is missing"},
		"a flag for a value":                   {nil, []string{"serve", "--listen", "--page"}, exitUsage, "--page is a flag itself"},
		"a host with a port":                   {nil, []string{"serve", free, "--admin=", "--host=example.com:80"}, exitUsage, "--host"},
		"a limit of handshakes that is tiny":   {nil, []string{"serve", free, "--admin=", "--max-handshake=100"}, exitUsage, "--max-handshake"},
		"a variable that the hub rejects":      {[]string{"SPOKEHUB_REACTORS=100"}, []string{"serve", free, "--admin="}, exitUsage, "SPOKEHUB_REACTORS"},
		"a negative variable":                  {[]string{"SPOKEHUB_WORKERS=-5"}, []string{"serve"}, exitUsage, "SPOKEHUB_WORKERS"},
		"a variable outside its choices":       {[]string{"SPOKEHUB_LOG_LEVEL=loud"}, []string{"serve"}, exitUsage, "SPOKEHUB_LOG_LEVEL"},
		"one of two variables":                 {[]string{"SPOKEHUB_DRAIN_GRACE=40s"}, []string{"serve"}, exitUsage, "SPOKEHUB_DRAIN_GRACE"},
		"one address for both":                 {nil, []string{"serve", "--listen=" + unused, "--admin=" + unused}, exitUsage, "--listen " + unused},
		"one port for both":                    {nil, []string{"serve", "--listen=" + unused[strings.LastIndex(unused, ":"):], "--admin=" + unused}, exitUsage, "--admin " + unused},
		"a busy port":                          {nil, []string{"serve", "--admin=", "--listen=" + busy.Addr().String()}, exitFailure, "--listen"},
		"a busy admin port":                    {nil, []string{"serve", free, "--admin=" + busy.Addr().String()}, exitFailure, "--admin"},
		"an address of another machine":        {nil, []string{"serve", "--admin=", "--listen=192.0.2.1:8080"}, exitFailure, "--listen"},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := runBinary(t, c.environ, c.arguments...)
			if code != c.code {
				t.Errorf("got exit code %d, want %d", code, c.code)
			}
			if strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "spokehub: ") || !strings.Contains(stderr, c.names) {
				t.Errorf("got on stderr %q, want one line that names %s", stderr, c.names)
			}
			if stdout != "" {
				t.Errorf("got on stdout %q, want nothing", stdout)
			}
		})
	}
}

func TestVariableSetsAFlagAndTheFlagTakesPrecedence(t *testing.T) {
	t.Parallel()
	hub := startHub(t, []string{"SPOKEHUB_PATH=/from-variable", "SPOKEHUB_REACTORS=2", "SPOKEHUB_RELAY=false"}, "--reactors=1")
	if !strings.HasSuffix(hub.websocket, "/from-variable") {
		t.Errorf("got the address %s, want it to end in /from-variable", hub.websocket)
	}
	if got := hub.start["reactors"]; got != 1.0 {
		t.Errorf("got %v reactors, want 1", got)
	}
	if got := hub.start["relay"]; got != false {
		t.Errorf("got relay %v, want false", got)
	}
}

func TestEmptyVariableIsNotSet(t *testing.T) {
	t.Parallel()
	var environ []string
	for _, name := range serveFlagNames(t) {
		if name != "admin" && name != "listen" {
			environ = append(environ, "SPOKEHUB_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_"))+"=")
		}
	}
	hub := startHub(t, environ)
	if !strings.HasSuffix(hub.websocket, "/ws") || hub.start["relay"] != true {
		t.Errorf("got the start line %v, want the defaults", hub.start)
	}
}

func TestEmptyVariablesLeaveWhatTheFileSaysAndTheDefaults(t *testing.T) {
	t.Parallel()
	var environ []string
	for _, name := range serveFlagNames(t) {
		environ = append(environ, "SPOKEHUB_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_"))+"=")
	}
	file := "--config=" + writeConfig(t, "workers: 7\nadmin: ''\n")
	for _, arguments := range [][]string{{"config", "print"}, {"config", "print", file}} {
		want, _, _ := runBinary(t, nil, arguments...)
		if got, stderr, code := runBinary(t, environ, arguments...); got != want || code != exitOK || want == "" {
			t.Errorf("%q: got %d, stderr %q and\n%swant\n%s", arguments, code, stderr, got, want)
		}
	}
}

func TestErrorBlamesAFlagAheadOfItsVariable(t *testing.T) {
	t.Parallel()
	_, stderr, code := runBinary(t, []string{"SPOKEHUB_WORKERS=5"}, "serve", "--workers=-1")
	if code != exitUsage || strings.Contains(stderr, "SPOKEHUB_WORKERS") {
		t.Errorf("got %d and %q, want 2 and no variable named", code, stderr)
	}
}

func TestMoreConnectionsThanFilesAreWarnedOf(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil, "--max-connections=1000000000")
	record := hub.output.await(t, "the file limit allows fewer clients than --max-connections: raise it (ulimit -n, LimitNOFILE)")
	if record["max_connections"] != 1e9 || record["spokes_allowed"] != hub.start["spokes_allowed"] {
		t.Errorf("got %v, want what was asked for and what is allowed", record)
	}
}

func TestEventsThatAreLongForAQueueAreWarnedOf(t *testing.T) {
	t.Parallel()
	const warning = "--max-event is over a quarter of --queue-limit, so that a burst of long events may close clients that read in time"
	hub := startHub(t, nil, "--max-event=64KiB", "--queue-limit=255KiB")
	record := hub.output.await(t, warning)
	if record["max_event"] != "64KiB" || record["queue_limit"] != "255KiB" {
		t.Errorf("got %v, want both sizes", record)
	}
}

func TestServeDefaultsAreThoseOfAPublicHub(t *testing.T) {
	t.Parallel()
	help, _, _ := runBinary(t, nil, "serve", "--help")
	flat := strings.Join(strings.Fields(help), " ")
	for name, want := range map[string]string{
		"max-events-per-second": "10000", "max-bytes-per-second": "8MiB", "max-controls-per-second": "10000",
		"max-message": "1MiB", "max-event": "64KiB", "queue-limit": "1MiB", "max-topics": "1024", "max-handshake": "16KiB",
		"message-timeout": "60s", "close-timeout": "30s",
	} {
		if !regexp.MustCompile(`--` + name + `=[A-Z]+ [^$]*\(default ` + want + `\)`).MatchString(flat) {
			t.Errorf("--%s: got another default, want %s", name, want)
		}
	}
}

func TestVariableThatNoFlagReadsIsLogged(t *testing.T) {
	t.Parallel()
	hub := startHub(t, []string{"SPOKEHUB_LISEN=:1", "SPOKEHUB_PORT=tcp://10.0.0.1:80", "SPOKEHUB_SERVICE_HOST=10.0.0.1"})
	record := hub.output.await(t, "ignoring environment variables that no flag reads")
	if got, want := record["names"], []any{"SPOKEHUB_LISEN"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got the names %v, want %v", got, want)
	}
}

func TestEveryFlagNamedLikeAConfigFieldSetsIt(t *testing.T) {
	filled := func(name string) reflect.Value {
		s := &service{flags: serveFlags{Engine: "default"}}
		switch name {
		case "":
		case "TrustedProxies":
			s.flags.TrustedProxies = []string{"10.0.0.0/8"}
		default:
			fillField(reflect.ValueOf(&s.flags).Elem().FieldByName(name))
		}
		config, err := s.hubConfig()
		if err != nil {
			t.Fatal(err)
		}
		return reflect.ValueOf(config)
	}
	empty := filled("")
	passed := 0
	for _, field := range reflect.VisibleFields(reflect.TypeFor[serveFlags]()) {
		inConfig, found := empty.Type().FieldByName(field.Name)
		if !found || field.Name == "DrainGrace" {
			continue
		}
		passed++
		got, unwanted := filled(field.Name).FieldByIndex(inConfig.Index), empty.FieldByIndex(inConfig.Index)
		if reflect.DeepEqual(got.Interface(), unwanted.Interface()) {
			t.Errorf("got %v in Config.%s, want what the flag says", got, field.Name)
		}
	}
	if passed < 20 {
		t.Errorf("got %d fields that are passed on, want at least 20", passed)
	}
}

func fillField(field reflect.Value) {
	switch field.Kind() {
	case reflect.Bool:
		field.SetBool(true)
	case reflect.String:
		field.SetString("goroutine")
	case reflect.Slice:
		field.Set(reflect.MakeSlice(field.Type(), 1, 1))
	default:
		field.SetInt(1)
	}
}

func TestDocumentsNameOnlyFlagsAndMetricsThatExist(t *testing.T) {
	known := map[string]bool{"--help": true}
	for _, foreign := range []string{"--data-binary", "--cacert", "--standalone", "--retry", "--retry-connrefused", "--now", "--max-time", "--system", "--fail", "--data", "--ulimit", "--memory", "--sysctl"} {
		known[foreign] = true
	}
	for _, leaf := range testManual(t).model.Leaves(true) {
		for _, flag := range leaf.Flags {
			known["--"+flag.Name] = true
		}
	}
	metrics := metricNames()
	for _, desc := range []*prometheus.Desc{daysLeftDesc, tlsReloadsDesc, tlsGoodDesc} {
		metrics[regexp.MustCompile(`fqName: "([^"]+)"`).FindStringSubmatch(desc.String())[1]] = true
	}
	documents, err := filepath.Glob(filepath.Join("..", "..", "docs", "*.md"))
	if err != nil || len(documents) < 15 {
		t.Fatalf("got the pages %q, %v, want all", documents, err)
	}
	for _, document := range append(documents, filepath.Join("..", "..", "README.md")) {
		content, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		for _, flag := range regexp.MustCompile("--[a-z][a-z-]*[a-z]").FindAllString(string(content), -1) {
			if !known[flag] {
				t.Errorf("got the flag %s in %s, want one that a command of spokehub has", flag, document)
			}
		}
		for _, name := range regexp.MustCompile(`\bspokehub_[a-z_]+`).FindAllString(string(content), -1) {
			if !metrics[name] {
				t.Errorf("got the metric %s in %s, want one that /metrics has", name, document)
			}
		}
	}
}
