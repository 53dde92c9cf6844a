package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// man is spokehub man.
type man struct {
	Of string `arg:"" optional:"" name:"command" help:"One of the commands of spokehub. (default: the page of spokehub itself)"`
}

// Help is what spokehub man --help prints before the flags.
func (man) Help() string {
	return `Read a page, or install all of them:

    spokehub man serve | man -l -
    spokehub man > /usr/local/share/man/man1/spokehub.1
    spokehub man serve > /usr/local/share/man/man1/spokehub-serve.1`
}

func (m *man) run(stdout io.Writer) error {
	parser, err := newParser(&commandLine{}, io.Discard, io.Discard)
	if err != nil {
		return err
	}
	node := parser.Model.Node
	if m.Of != "" {
		if node = childNamed(node, m.Of); node == nil || node.Hidden {
			return usageError{fmt.Errorf("%q is none of the commands that have a page: %s", m.Of, strings.Join(commandNames(parser.Model.Node), ", "))}
		}
	}
	_, err = io.WriteString(stdout, manual{parser.Model, thisBuild()}.page(node))
	return err
}

// commandNames are the commands below a node, without those that are hidden.
func commandNames(at *kong.Node) (names []string) {
	for _, child := range at.Children {
		if !child.Hidden {
			names = append(names, child.Name)
		}
	}
	return names
}

// manual makes the manual pages, in the macros of man(7), from what --help is made of.
type manual struct {
	model *kong.Application
	build build
}

// page is the page of spokehub itself, or of one of its commands together with those below that.
func (m manual) page(node *kong.Node) string {
	var text strings.Builder
	name := manName(node)
	day, _, _ := strings.Cut(m.build.date, "T")
	fmt.Fprintf(&text, ".TH %s 1 %q %q %q\n", strings.ToUpper(name), day, "spokehub "+orElse(m.build.version, "(devel)"), "Spokehub")
	fmt.Fprintf(&text, ".SH NAME\n%s \\-\n%s\n", roff(name), prose(strings.TrimSuffix(node.Help, ".")))
	text.WriteString(".SH SYNOPSIS\n")
	for i, command := range leavesOf(node) {
		if i > 0 {
			text.WriteString(".br\n")
		}
		fmt.Fprintf(&text, ".B %s\n%s\n", roff(commandWords(command)), roff(argumentsOf(command)))
	}
	if node.Type == kong.ApplicationNode {
		m.overview(&text)
		return text.String()
	}
	text.WriteString(".SH DESCRIPTION\n" + prose(node.Help) + "\n")
	manDetail(&text, node.Detail)
	leaves := leavesOf(node)
	if len(leaves) > 1 {
		m.commandsOf(&text, node)
	} else {
		manArguments(&text, node)
		m.options(&text, ".SH OPTIONS\n", node)
	}
	text.WriteString(".SH SEE ALSO\n.BR spokehub (1)\n")
	return text.String()
}

// overview is the body of the page of spokehub itself.
func (m manual) overview(text *strings.Builder) {
	text.WriteString(".SH DESCRIPTION\n" + prose(m.model.Help) + "\n.SH COMMANDS\n")
	for _, child := range m.model.Children {
		if !child.Hidden {
			fmt.Fprintf(text, ".TP\n.BR %s (1)\n%s\n", roff(manName(child)), prose(child.Help))
		}
	}
	m.options(text, ".SH OPTIONS\n", m.model.Node)
	text.WriteString(".SH ENVIRONMENT\n" + prose("Flags that set a hub, or the hub to connect to, have a variable, which stands behind them in these pages. A flag takes precedence over its variable.") + "\n")
	text.WriteString(".SH EXIT STATUS\n")
	for _, code := range exitStatuses {
		fmt.Fprintf(text, ".TP\n.B %d\n%s\n", code.code, prose(code.means))
	}
	text.WriteString(".SH SEE ALSO\n")
	names := commandNames(m.model.Node)
	for i, name := range names {
		separator := ","
		if i == len(names)-1 {
			separator = ""
		}
		fmt.Fprintf(text, ".BR %s (1)%s\n", roff("spokehub-"+name), separator)
	}
}

// exitStatuses are the exit codes and what they mean.
var exitStatuses = []struct {
	code  int
	means string
}{
	{exitOK, "All is well."},
	{exitFailure, "It failed."},
	{exitUsage, "The arguments or the configuration are wrong."},
	{exitRefused, "The hub refuses a topic, an event, the token or the client."},
	{exitUnreachable, "The hub can't be reached, or does not answer."},
	{exitInterrupted, "A signal ended it, for all commands that connect to a hub but sub."},
}

// commandsOf are the commands below one that has several.
func (m manual) commandsOf(text *strings.Builder, node *kong.Node) {
	text.WriteString(".SH COMMANDS\n")
	for _, command := range leavesOf(node) {
		fmt.Fprintf(text, ".SS %s\n%s\n", roff(commandWords(command)), prose(command.Help))
		manDetail(text, command.Detail)
		manArguments(text, command)
		m.options(text, "", command)
	}
}

// options are the flags of a command under the headings of --help. A command below another that takes those of spokehub serve refers to them.
func (m manual) options(text *strings.Builder, heading string, node *kong.Node) {
	own := slices.DeleteFunc(slices.Clone(node.Flags), func(f *kong.Flag) bool { return f.Hidden })
	if heading == "" && slices.ContainsFunc(own, func(f *kong.Flag) bool { return f.Name == "config" }) {
		text.WriteString(".PP\nIt takes the flags and variables of\n.BR spokehub\\-serve (1).\n")
		return
	}
	group := ""
	if len(own) > 0 {
		text.WriteString(heading)
	}
	for _, flag := range own {
		if flag.Group != nil && flag.Group.Key != group {
			group = flag.Group.Key
			if heading != "" {
				fmt.Fprintf(text, ".SS %s\n", roff(strings.TrimSuffix(flag.Group.Title, ":")))
			}
		}
		fmt.Fprintf(text, ".TP\n.B %s\n%s\n", roff(flagWithValue(flag)), prose(flag.Help))
		if len(flag.Envs) > 0 {
			fmt.Fprintf(text, "Variable:\n.BR %s .\n", roff(strings.Join(flag.Envs, ", ")))
		}
	}
}

// flagWithValue is a flag as --help has it.
func flagWithValue(flag *kong.Flag) string {
	name := "--" + flag.Name
	if flag.Tag.Negatable != "" {
		name = "--[no-]" + flag.Name
	}
	if flag.Short != 0 {
		name = fmt.Sprintf("-%c, %s", flag.Short, name)
	}
	if flag.IsBool() {
		return name
	}
	return name + "=" + flag.FormatPlaceHolder()
}

// manArguments are the arguments of a command that are no flags.
func manArguments(text *strings.Builder, node *kong.Node) {
	for _, argument := range node.Positional {
		fmt.Fprintf(text, ".TP\n.I %s\n%s\n", roff(argument.Name), prose(argument.Help))
	}
}

// leavesOf are the commands that can be run at a node and below it, without those that are hidden. Of spokehub itself it is the node alone.
func leavesOf(node *kong.Node) (leaves []*kong.Node) {
	if node.Type == kong.ApplicationNode || len(node.Children) == 0 {
		return []*kong.Node{node}
	}
	for _, child := range node.Children {
		if !child.Hidden {
			leaves = append(leaves, leavesOf(child)...)
		}
	}
	return leaves
}

// manName is the name of a page: spokehub, or spokehub-serve.
func manName(node *kong.Node) string { return strings.ReplaceAll(commandWords(node), " ", "-") }

// commandWords is a command as it is written: spokehub, or spokehub config check.
func commandWords(node *kong.Node) string {
	if node.Type == kong.ApplicationNode {
		return node.Name
	}
	return commandWords(node.Parent) + " " + node.Name
}

// argumentsOf is what stands behind a command.
func argumentsOf(node *kong.Node) string {
	if node.Type == kong.ApplicationNode {
		return "COMMAND [flags]"
	}
	var words []string
	for _, argument := range node.Positional {
		words = append(words, argument.Summary())
	}
	return strings.Join(append(words, "[flags]"), " ")
}
