package rules

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// pathsPage is the page that follows messages through the code.
const pathsPage = "docs/architecture.md"

// messagePaths are the headings of that page under which a path through the code is listed, and how many files it may name;
// 0 means any number.
var messagePaths = map[string]int{
	"One message in":               9,
	"One event out":                9,
	"A frame whose socket is full": 0,
	"A frame over the limit":       0,
}

// TestPathsOfMessagesFollowTheCode holds the lists under those headings against the code. A line of a list is
//
//  1. [fanout/hub.go](LINK): `New`, `newLoops`: text, with (through `Handler`) where a hop is not a plain call
//
// where LINK is the name with ../ ahead, or, indented by three spaces, "- " and the same: a leaf, which the step above calls and returns from. The functions that
// a line names exist in its file, and each is called by a function of the step before it or of its own line. The first
// function of a list is where it begins. A hop through an interface or a queue is marked with (through `T`): the step uses
// the type T, and the documentation of T names what the hop leads to.
func TestPathsOfMessagesFollowTheCode(t *testing.T) {
	code := newCodebase(sources(t))
	page := readFile(t, pathsPage)
	for heading, maxFiles := range messagePaths {
		t.Run(heading, func(t *testing.T) {
			steps, problems := parsePath(page, heading)
			for _, problem := range append(problems, code.check(steps, maxFiles)...) {
				t.Errorf("%s, %s: %s", pathsPage, heading, problem)
			}
		})
	}
}

// pathStep is one line of a list: a file, the functions there that are on the way, and the types that lead on from it.
type pathStep struct {
	file      string
	functions []string
	through   []string
	leaf      bool
}

func (s pathStep) String() string {
	return fmt.Sprintf("%s (%s)", s.file, strings.Join(s.functions, ", "))
}

var (
	numbered    = regexp.MustCompile(`^(\d+)\. (.*)$`)
	indented    = regexp.MustCompile(`^   - (.*)$`)
	stepText    = regexp.MustCompile("^\\[([^\\]]+)\\]\\(([^)]+)\\): (`[A-Za-z_.]+`(?:, `[A-Za-z_.]+`)*): .+$")
	throughType = regexp.MustCompile("\\(through (`[A-Za-z_.]+`(?:, `[A-Za-z_.]+`)*)\\)")
)

// parsePath reads the list that stands under a heading of a Markdown document.
func parsePath(document, heading string) (steps []pathStep, problems []string) {
	_, section, found := strings.Cut(document, "\n### "+heading+"\n")
	if !found {
		return nil, []string{"got no section with that heading, want one"}
	}
	if end := regexp.MustCompile(`(?m)^#`).FindStringIndex(section); end != nil {
		section = section[:end[0]]
	}
	number := 0
	for _, item := range items(section) {
		text, leaf := item, false
		if found := numbered.FindStringSubmatch(item); found != nil {
			number++
			if found[1] != fmt.Sprint(number) {
				problems = append(problems, fmt.Sprintf("got the number %s, want %d: %s", found[1], number, item))
			}
			text = found[2]
		} else {
			text, leaf = indented.FindStringSubmatch(item)[1], true
		}
		parts := stepText.FindStringSubmatch(text)
		switch {
		case parts == nil:
			problems = append(problems, fmt.Sprintf("got %q, want [file](file): `function`, `function`: text", text))
			continue
		case "../"+parts[1] != parts[2]:
			problems = append(problems, fmt.Sprintf("got a link named %s to %s, want ../ and that name", parts[1], parts[2]))
		}
		step := pathStep{file: parts[1], functions: quoted(parts[3]), leaf: leaf}
		for _, found := range throughType.FindAllStringSubmatch(text, -1) {
			step.through = append(step.through, quoted(found[1])...)
		}
		steps = append(steps, step)
	}
	return steps, problems
}

// items are the entries of a list, each on one line.
func items(section string) []string {
	var found []string
	open := false
	for line := range strings.Lines(section) {
		line = strings.TrimRight(line, "\n")
		switch {
		case numbered.MatchString(line), indented.MatchString(line):
			found = append(found, line)
			open = true
		case strings.TrimSpace(line) == "":
			open = false
		case open:
			found[len(found)-1] += " " + strings.TrimSpace(line)
		}
	}
	return found
}

func quoted(list string) []string {
	return strings.Split(strings.ReplaceAll(list, "`", ""), ", ")
}

// check returns what is wrong with a path.
func (c *codebase) check(steps []pathStep, maxFiles int) []string {
	if len(steps) == 0 {
		return []string{"got no step, want a list"}
	}
	var problems []string
	report := func(format string, arguments ...any) {
		problems = append(problems, fmt.Sprintf(format, arguments...))
	}
	if maxFiles > 0 && len(steps) > maxFiles {
		report("got %d files, want at most %d", len(steps), maxFiles)
	}
	seen := map[string]bool{}
	before := -1
	for i, step := range steps {
		if seen[step.file] {
			report("got %s twice, want each file once", step.file)
		}
		seen[step.file] = true
		if c.files[step.file] == nil {
			report("got the file %s, want one with code of the hub", step.file)
			continue
		}
		for _, name := range step.functions {
			if c.function(step.file, name) == nil {
				report("got the function %s, want one of %s", name, step.file)
			}
		}
		for _, name := range step.through {
			if !c.uses(step, name) {
				report("got (through `%s`) at %s, want a type that it uses", name, step)
			}
		}
		switch {
		case i == 0 && step.leaf:
			report("got the leaf %s at the start, want a step above it", step)
		case i > 0:
			problems = append(problems, c.checkHop(steps[before], step)...)
		}
		if i == 0 {
			problems = append(problems, c.checkOwn(step, step.functions[1:], step.functions[:1])...)
		}
		if !step.leaf {
			before = i
		}
	}
	return problems
}

// checkHop returns what is wrong with the way from one step to the next one, or to one of its leaves.
func (c *codebase) checkHop(from, to pathStep) []string {
	var reached, rest []string
	var why []string
	for _, name := range to.functions {
		if problem := c.hop(from, to, name); problem == "" {
			reached = append(reached, name)
		} else {
			rest, why = append(rest, name), append(why, problem)
		}
	}
	if len(reached) == 0 {
		return why[:1]
	}
	return c.checkOwn(to, rest, reached)
}

// checkOwn wants each function of rest to be called within its step, in some order that begins with what is reached.
func (c *codebase) checkOwn(step pathStep, rest, reached []string) []string {
	for progress := true; progress; {
		progress = false
		for i, name := range rest {
			if c.hop(pathStep{file: step.file, functions: reached, through: step.through}, step, name) == "" {
				reached = append(reached, name)
				rest = append(rest[:i:i], rest[i+1:]...)
				progress = true
				break
			}
		}
	}
	var problems []string
	for _, name := range rest {
		problems = append(problems, fmt.Sprintf("got %s in %s, which neither the step before nor another function of the line calls", name, step.file))
	}
	return problems
}

// hop returns why no function of from leads to the function name of to, or "".
func (c *codebase) hop(from, to pathStep, name string) string {
	target := c.function(to.file, name)
	if target == nil {
		return fmt.Sprintf("got the function %s, want one of %s", name, to.file)
	}
	for _, through := range from.through {
		if c.documents(from, through, to.file, target) {
			return ""
		}
	}
	if !c.calls(from, target.Name.Name) {
		problem := fmt.Sprintf("got no call of %s of %s in %s", name, to.file, from)
		if len(from.through) > 0 {
			problem += fmt.Sprintf(" and no %s in the documentation of %s", c.title(to.file, target), strings.Join(from.through, ", "))
		}
		return problem
	}
	if c.isIndirect(from.file, to.file, target) {
		return fmt.Sprintf("got a hop from %s to %s of %s by way of an interface, want (through `T`) with a type whose documentation names %s",
			from, name, to.file, c.title(to.file, target))
	}
	return ""
}
