package rules

import (
	"strings"
	"testing"
)

// walkedCode is a small hub: bytes are read, reach an interface, wait in a queue, and are heard.
var walkedCode = map[string]string{
	"netpoll/read.go": "package netpoll\n\nfunc (r *Reactor) read() {\n\tr.input(receive())\n}\n\n" +
		"func (r *Reactor) input(view []byte) {\n\tr.handler.Input(view)\n}\n\nfunc (r *Reactor) idle() {\n}\n",
	"netpoll/reactor.go": "package netpoll\n\n// Handler is told what happens. In this repository it is a fanout.loop.\ntype Handler interface {\n\tInput(view []byte)\n}\n\n" +
		"// Closer is told of an end.\ntype Closer interface {\n\tInput(view []byte)\n}\n\ntype Reactor struct {\n\thandler Handler\n}\n",
	"netpoll/receive.go": "package netpoll\n\nfunc receive() []byte {\n\treturn nil\n}\n",
	"fanout/receive.go":  "package fanout\n\nimport \"" + module + "/event\"\n\nfunc (l *loop) Input(view []byte) {\n\tevent.Parse(view)\n\tl.note(view)\n}\n",
	"fanout/inbox.go":    "package fanout\n\ntype loop struct {\n\twaiting inbox\n}\n\nfunc (l *loop) note(view []byte) {\n\tl.waiting.push(view)\n}\n",
	"fanout/queue.go":    "package fanout\n\n// inbox is what waits for the workers: workers.serve takes it.\ntype inbox struct{}\n\nfunc (i *inbox) push(view []byte) {\n}\n",
	"fanout/workers.go":  "package fanout\n\ntype workers struct{}\n\nfunc (w *workers) serve() {\n\tw.hear()\n}\n\nfunc (w *workers) hear() {\n}\n\nfunc (w *workers) rest() {\n}\n",
	"event/parse.go":     "package event\n\nfunc Parse(view []byte) {\n}\n",
}

func TestBadPathsOfMessagesAreFound(t *testing.T) {
	const (
		read    = "1. [netpoll/read.go](../netpoll/read.go): `read`, `input`: bytes come (through `Handler`).\n"
		leaf    = "   - [netpoll/receive.go](../netpoll/receive.go): `receive`: the system call.\n"
		input   = "2. [fanout/receive.go](../fanout/receive.go): `loop.Input`: frames are\n   parsed.\n"
		parse   = "   - [event/parse.go](../event/parse.go): `Parse`: the envelope.\n"
		note    = "3. [fanout/inbox.go](../fanout/inbox.go): `note`: it waits (through `inbox`).\n"
		workers = "4. [fanout/workers.go](../fanout/workers.go): `workers.serve`, `hear`: it is heard.\n"
	)
	code := walkedCodebase(t)
	for name, c := range map[string]struct {
		list []string
		want string
	}{
		"none of a path that the code goes":           {[]string{read, leaf, input, parse, note, workers}, ""},
		"none where a type is named with its package": {[]string{strings.Replace(read, "`Handler`", "`netpoll.Handler`", 1), input, note, workers}, ""},
		"a heading without a list":                    {nil, "no step"},
		"a line of another form":                      {[]string{"1. `read` reads.\n"}, "want [file](file)"},
		"a line without functions":                    {[]string{"1. [netpoll/read.go](../netpoll/read.go): bytes come.\n"}, "want [file](file)"},
		"a link to another file":                      {[]string{strings.Replace(read, "(../netpoll/read.go)", "(../netpoll/receive.go)", 1)}, "and that name"},
		"a number out of order":                       {[]string{read, note}, "want 2"},
		"a leaf at the start":                         {[]string{leaf}, "at the start"},
		"a file that does not exist":                  {[]string{strings.ReplaceAll(read, "read.go", "write.go")}, "netpoll/write.go"},
		"a function that its file does not have":      {[]string{strings.Replace(read, "`input`", "`output`", 1)}, "output"},
		"a method of another type":                    {[]string{read, strings.Replace(input, "loop.", "lane.", 1)}, "lane.Input"},
		"a file twice":                                {[]string{read, strings.Replace(leaf, "receive.go](../netpoll/receive.go): `receive`", "read.go](../netpoll/read.go): `input`", 1)}, "twice"},
		"more files than allowed":                     {[]string{read, leaf, input, parse, note, workers, "   - [fanout/queue.go](../fanout/queue.go): `push`: more.\n"}, "at most 6"},
		"a step that nothing leads to":                {[]string{read, strings.Replace(note, "3.", "2.", 1)}, "no call of note"},
		"a leaf that the step above does not call":    {[]string{read, input, leaf}, "no call of receive"},
		"a function that its own line does not call":  {[]string{strings.Replace(read, "`input`", "`input`, `idle`", 1)}, "idle"},
		"another that follows no queue":               {[]string{read, input, note, strings.Replace(workers, "`hear`", "`rest`", 1)}, "rest"},
		"an interface without a mark":                 {[]string{strings.Replace(read, " (through `Handler`)", "", 1), input}, "by way of an interface"},
		"an interface that names no implementer":      {[]string{strings.Replace(read, "Handler", "Closer", 1), input}, "by way of an interface"},
		"a queue without a mark":                      {[]string{read, input, strings.Replace(note, " (through `inbox`)", "", 1), workers}, "no call of workers.serve"},
		"a mark with a type that is not used":         {[]string{read, strings.Replace(input, "parsed", "parsed (through `workers`)", 1)}, "want a type that it uses"},
		"a mark with a type that does not exist":      {[]string{strings.Replace(read, "`Handler`", "`Listener`", 1)}, "want a type that it uses"},
	} {
		t.Run(name, func(t *testing.T) {
			steps, problems := parsePath("# Hub\n\n### The way\n\nWords.\n\n"+strings.Join(c.list, "")+"\n### Another\n\n1. other\n", "The way")
			got := strings.Join(append(problems, code.check(steps, 6)...), "\n")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("got the problems %q, want %q", got, c.want)
			}
		})
	}
	if _, problems := parsePath("# Hub\n", "The way"); len(problems) != 1 {
		t.Errorf("got the problems %q without the section, want one", problems)
	}
}

func walkedCodebase(t *testing.T) *codebase {
	t.Helper()
	var all []source
	for file, content := range walkedCode {
		all = append(all, parseSource(t, file, content))
	}
	return newCodebase(all)
}
