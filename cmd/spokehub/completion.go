package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// completion is spokehub completion.
type completion struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help is what spokehub completion --help prints before the flags.
func (completion) Help() string {
	return `Put this into ~/.bashrc, or ~/.zshrc behind compinit, or ~/.config/fish/config.fish:

    source <(spokehub completion bash)
    source <(spokehub completion zsh)
    spokehub completion fish | source`
}

func (c *completion) run(stdout io.Writer) error {
	_, err := io.WriteString(stdout, completionScripts[c.Shell])
	return err
}

// completionScripts ask the program itself what may come next, and leave file names to the shell. That for zsh may be sourced, or lie
// as _spokehub in a directory of fpath.
var completionScripts = map[string]string{
	"bash": `_spokehub() {
	local found
	found=$("${COMP_WORDS[0]}" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f1)
	local IFS=$'\n'
	COMPREPLY=($found)
}
complete -o default -F _spokehub spokehub
`,
	"zsh": `#compdef spokehub
_spokehub() {
	local -a found
	found=("${(@f)$("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null | sed -e 's/:/\\:/g' -e $'s/\t/:/')}")
	if [[ -n "${found[1]}" ]]; then
		_describe spokehub found
	else
		_files
	fi
}
if [[ "${funcstack[1]}" == _spokehub ]]; then
	_spokehub "$@"
else
	compdef _spokehub spokehub
fi
`,
	"fish": `function __spokehub_complete
	set -l words (commandline --tokenize --cut-at-cursor --current-process)
	$words[1] __complete $words[2..-1] (commandline --current-token --cut-at-cursor) 2>/dev/null
end
complete --command spokehub --arguments '(__spokehub_complete)'
`,
}

// complete is what the scripts run.
type complete struct {
	Words []string `arg:"" optional:"" passthrough:"" help:"The words of the command line; the last one is to be completed, and may be empty."`
}

func (c *complete) run(stdout io.Writer) error {
	parser, err := newParser(&commandLine{}, io.Discard, io.Discard)
	if err != nil {
		return err
	}
	words := c.Words
	if len(words) == 0 {
		words = []string{""}
	}
	for _, found := range candidates(parser.Model.Node, words) {
		fmt.Fprintln(stdout, found)
	}
	return nil
}

// candidates are what the last word may become: commands, flags and their values, each with a tab and a few words about it.
func candidates(at *kong.Node, words []string) (found []string) {
	last, before := strings.TrimPrefix(words[len(words)-1], "="), words[:len(words)-1]
	var flags []*kong.Flag
	var valueOf *kong.Flag
	for _, word := range before {
		if word == "=" {
			continue
		}
		if valueOf != nil {
			valueOf = nil
			continue
		}
		if child := childNamed(at, word); child != nil {
			at = child
		}
		flags = flagsOf(at)
		if i := slices.IndexFunc(flags, func(f *kong.Flag) bool { return word == "--"+f.Name }); i >= 0 && !flags[i].IsBool() {
			valueOf = flags[i]
		}
	}
	switch {
	case valueOf != nil:
		return starting(last, enumOf(valueOf.Value), "")
	case strings.HasPrefix(last, "--") && strings.Contains(last, "="):
		name, value, _ := strings.Cut(last, "=")
		for _, f := range flagsOf(at) {
			if name == "--"+f.Name {
				for _, v := range starting(value, enumOf(f.Value), "") {
					found = append(found, name+"="+v)
				}
			}
		}
		return found
	case strings.HasPrefix(last, "-"):
		for _, f := range flagsOf(at) {
			if !f.Hidden {
				found = append(found, starting(last, []string{"--" + f.Name}, f.Help)...)
			}
		}
		return found
	}
	for _, child := range at.Children {
		if !child.Hidden {
			found = append(found, starting(last, []string{child.Name}, child.Help)...)
		}
	}
	for _, argument := range at.Positional {
		found = append(found, starting(last, enumOf(argument), "")...)
	}
	return found
}

func childNamed(at *kong.Node, name string) *kong.Node {
	for _, child := range at.Children {
		if child.Name == name {
			return child
		}
	}
	return nil
}

// flagsOf are the flags that a command takes, --help included.
func flagsOf(at *kong.Node) (flags []*kong.Flag) {
	for _, group := range at.AllFlags(false) {
		flags = append(flags, group...)
	}
	return flags
}

func enumOf(value *kong.Value) []string {
	if value.Enum == "" {
		return nil
	}
	return strings.Split(value.Enum, ",")
}

// starting returns those of the names that begin with a prefix, with the first sentence of the help behind a tab.
func starting(prefix string, names []string, help string) (found []string) {
	sentence, _, _ := strings.Cut(help, ".")
	for _, name := range names {
		name = strings.TrimSpace(name)
		if strings.HasPrefix(name, prefix) {
			found = append(found, strings.TrimRight(name+"\t"+sentence, "\t"))
		}
	}
	return found
}
