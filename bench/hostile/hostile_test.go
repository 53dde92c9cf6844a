//go:build linux

package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/bench/server"
)

func TestMain(m *testing.M) {
	playRole()
	os.Exit(m.Run())
}

func TestASecondOfOneAttack(t *testing.T) {
	binary, err := server.Build("", t.TempDir(), "cmd/spokehub")
	if err != nil {
		t.Fatal(err)
	}
	for name, flags := range map[string][]string{"alone": nil, "over TLS": {"-tls"}} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "table.md")
			var stdout bytes.Buffer
			arguments := append([]string{"-attack", "rejects", "-clients", "3", "-duration", "1s", "-nice", "0", "-binary", binary, "-out", out}, flags...)
			if err := run(arguments, &stdout, t.Output()); err != nil {
				t.Fatal(err)
			}
			written, err := os.ReadFile(out)
			if err != nil || string(written) != stdout.String() {
				t.Errorf("got %v and %q in the file, want what was printed", err, written)
			}
			row := regexp.MustCompile(`(?m)^\| rejects \| hub \| 3 \| [0-9]+ MiB, [0-9]+ MiB \| .* of [0-9]{2,} \| .*$`)
			if !row.MatchString(stdout.String()) {
				t.Errorf("got no row of the attack, want one:\n%s", stdout.String())
			}
		})
	}
}

func TestEveryAttackCanBeFoundAndPlayed(t *testing.T) {
	names := map[string]bool{}
	for _, a := range attacks() {
		if a.play == nil || a.about == "" || names[a.name] {
			t.Errorf("%s: got play %v, about %q, seen before %v, want an attack with a name of its own", a.name, a.play != nil, a.about, names[a.name])
		}
		names[a.name] = true
		for _, p := range a.parts(100) {
			if _, err := findAttacks([]string{p.Attack}); err != nil || p.Count < 1 {
				t.Errorf("%s: got the part %+v and %v, want one that can be found", a.name, p, err)
			}
		}
	}
	if parts := mixed(nil).parts(100); len(parts) < 20 {
		t.Errorf("got %d parts of the mixed attack, want most attacks in it", len(parts))
	}
}

func TestTheListNamesEveryAttack(t *testing.T) {
	var list strings.Builder
	if err := run([]string{"-list"}, &list, t.Output()); err != nil {
		t.Fatal(err)
	}
	for _, a := range attacks() {
		if !strings.Contains(list.String(), a.name+" ") || !strings.Contains(list.String(), a.about) {
			t.Errorf("got a list without %s, want all", a.name)
		}
	}
}

func TestFlagsThatMakeNoSenseAreRefused(t *testing.T) {
	for name, arguments := range map[string][]string{
		"an unknown attack":      {"-attack", "kindness"},
		"no clients":             {"-clients", "0"},
		"no duration":            {"-duration", "0s"},
		"cores without a number": {"-server-cores", "x"},
		"an argument":            {"empty-pings"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := parseFlags(arguments, t.Output()); err == nil || errors.Is(err, errMissed) {
				t.Errorf("got %v, want an error", err)
			}
		})
	}
}
