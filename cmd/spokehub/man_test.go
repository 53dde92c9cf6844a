package main

import (
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// testManual is the manual of a release.
func testManual(t *testing.T) manual {
	t.Helper()
	parser, err := newParser(&commandLine{}, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return manual{parser.Model, build{version: "v0.1.0", date: "2026-11-28T18:01:19Z"}}
}

// pages are all pages by their names.
func (m manual) pages() map[string]string {
	pages := map[string]string{"spokehub": m.page(m.model.Node)}
	for _, name := range commandNames(m.model.Node) {
		pages["spokehub-"+name] = m.page(childNamed(m.model.Node, name))
	}
	return pages
}

func TestPagesHaveEveryFlagThatHelpHas(t *testing.T) {
	t.Parallel()
	pages := testManual(t).pages()
	flags := 0
	for _, leaf := range testManual(t).model.Leaves(true) {
		page, found := pages[manName(topOf(leaf))]
		if !found {
			t.Errorf("got no page for %s, want one", commandWords(leaf))
		}
		if strings.Contains(page, `spokehub\-serve (1)`) {
			page += pages["spokehub-serve"]
		}
		for _, flag := range leaf.Flags {
			if flag.Hidden {
				continue
			}
			flags++
			if !strings.Contains(page, roff(flagWithValue(flag))+"\n"+prose(flag.Help)+"\n") {
				t.Errorf("got no --%s in the page of %s, want it with its help", flag.Name, commandWords(leaf))
			}
			for _, variable := range flag.Envs {
				if !strings.Contains(page, roff(variable)) {
					t.Errorf("got no %s in the page of %s, want the variable", variable, commandWords(leaf))
				}
			}
		}
	}
	if flags < 100 {
		t.Errorf("got %d flags, want those of all commands", flags)
	}
}

// topOf is the command right below spokehub.
func topOf(node *kong.Node) *kong.Node {
	for node.Parent.Type != kong.ApplicationNode {
		node = node.Parent
	}
	return node
}

// TestPagesPassTheirChecks asks those who format pages. Neither may have a word to say.
func TestPagesPassTheirChecks(t *testing.T) {
	t.Parallel()
	foreign(t)
	for _, checker := range [][]string{{"mandoc", "-T", "lint", "-W", "style"}, {"groff", "-man", "-Tutf8", "-ww", "-z"}} {
		t.Run(checker[0], func(t *testing.T) {
			path, err := exec.LookPath(checker[0])
			if err != nil {
				unavailable(t, "%v", err)
			}
			for name, page := range testManual(t).pages() {
				command := exec.Command(path, checker[1:]...)
				command.Stdin = strings.NewReader(page)
				out, err := command.CombinedOutput()
				said := slices.DeleteFunc(strings.Split(strings.TrimSpace(string(out)), "\n"), mayBeSaid)
				if len(said) > 0 || err != nil && len(out) == 0 {
					t.Errorf("got %v of %s, want nothing:\n%s", err, name, strings.Join(said, "\n"))
				}
			}
		})
	}
}

// mayBeSaid are complaints about long words and commands, which can't be broken, and about pages that are not installed.
func mayBeSaid(line string) bool {
	return line == "" || strings.Contains(line, "input text line longer than 80 bytes") || strings.Contains(line, "referenced manual not found")
}

func TestPagesComeFromTheProgram(t *testing.T) {
	t.Parallel()
	stdout, _, code := runBinary(t, nil, "man", "sub")
	if code != exitOK || !strings.HasPrefix(stdout, ".TH SPOKEHUB-SUB 1 ") || !strings.Contains(stdout, `\-\-count=N`) {
		t.Errorf("got exit code %d and %.80q, want the page of sub", code, stdout)
	}
	if stdout, _, code := runBinary(t, nil, "man"); code != exitOK || !strings.HasPrefix(stdout, ".TH SPOKEHUB 1 ") {
		t.Errorf("got exit code %d and %.80q, want the page of spokehub", code, stdout)
	}
	if _, stderr, code := runBinary(t, nil, "man", "sbu"); code != exitUsage || !strings.Contains(stderr, `"sbu" is none of the commands`) {
		t.Errorf("got exit code %d and %q, want the commands that have a page", code, stderr)
	}
}

func TestTextIsNothingButTextInAPage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"a backslash":                    {`a\fBb`, `a\efBb`},
		"a dot that begins a line":       {".TH x", `\&.TH x`},
		"a quote that begins a line":     {"'x'", `\(aqx\(aq`},
		"dashes, which may be copied":    {"--json", `\-\-json`},
		"a line that is too long":        {strings.Repeat("word ", 20), strings.TrimSpace(strings.Repeat("word ", 16)) + "\n" + strings.TrimSpace(strings.Repeat("word ", 4))},
		"a dot that a broken line finds": {strings.Repeat("x", 78) + " .TH", strings.Repeat("x", 78) + "\n" + `\&.TH`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := prose(c.text); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
