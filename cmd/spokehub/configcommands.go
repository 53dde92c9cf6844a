package main

import (
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// emptyFileWarning is about a file that has comments alone.
const emptyFileWarning = "the configuration file sets nothing: every default holds"

// isEmptyFile says that there is a file, and that it sets nothing.
func (s sources) isEmptyFile() bool { return s.file != nil && s.file.isEmpty() }

// printChecked says that the configuration, which has been checked, is right, and what an operator should know about it.
func (s *settings) printChecked(stdout io.Writer) error {
	var text strings.Builder
	if s.sources.isEmptyFile() {
		fmt.Fprintf(&text, "warning: %s\n", emptyFileWarning)
	}
	_, warnings := s.flags.checkCertificates()
	for _, c := range append(s.flags.contradictions(fileLimit()), warnings...) {
		fmt.Fprintf(&text, "warning: %s\n", c.message)
	}
	for _, name := range s.unknown {
		fmt.Fprintf(&text, "warning: no flag reads the variable %s", name)
		if near := meant(name, s.model); near != "" {
			fmt.Fprintf(&text, "; did you mean %s?", near)
		}
		text.WriteString("\n")
	}
	what := "the configuration"
	if s.sources.file != nil {
		what = s.sources.file.name
	}
	fmt.Fprintf(&text, "%s is ok\n", what)
	_, err := io.WriteString(stdout, text.String())
	return err
}

// print writes the effective configuration as a file, with the source of each value.
func (s *settings) print(stdout io.Writer) error {
	var text strings.Builder
	for _, flag := range s.model {
		if !isSetting(flag) {
			continue
		}
		source := s.sources.of(flag.Name)
		if source == "" {
			source = "default"
		}
		fmt.Fprintf(&text, "%s: %s # %s\n", flag.Name, inYAML(withoutSecrets(flag.Target)), source)
	}
	s.printTopics(&text)
	_, err := io.WriteString(stdout, text.String())
	return err
}

// inYAML writes the value of a flag on one line.
func inYAML(value reflect.Value) string {
	if value.Kind() == reflect.Slice {
		var items []string
		for i := range value.Len() {
			items = append(items, inYAML(value.Index(i)))
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	node := yaml.Node{Kind: yaml.ScalarNode, Value: fmt.Sprint(value.Interface())}
	if value.Kind() == reflect.String {
		node.Tag, node.Style = "!!str", yaml.DoubleQuotedStyle
	}
	text, err := yaml.Marshal(&node)
	if err != nil {
		return fmt.Sprintf("%q", node.Value)
	}
	return strings.TrimSuffix(string(text), "\n")
}

// withoutSecrets is the value without what may be a password in it: the user and the query of a URL.
func withoutSecrets(value reflect.Value) reflect.Value {
	switch value.Kind() {
	case reflect.String:
		return reflect.ValueOf(withoutPassword(value.String()))
	case reflect.Slice:
		if value.Type().Elem().Kind() == reflect.String {
			var items []string
			for i := range value.Len() {
				items = append(items, withoutPassword(value.Index(i).String()))
			}
			return reflect.ValueOf(items)
		}
	}
	return value
}

// exampleHead is the beginning of the example.
const exampleHead = `# Configuration of spokehub serve: spokehub serve --config FILE
#
# Every key is a flag without its dashes. A key that begins a line with # is a default: remove the # to change it. Flags
# and environment variables take precedence. spokehub config check FILE says what is wrong with a file, and SIGHUP reads it
# again while the hub runs: it takes over the keys that say so.
`

// exampleTopics is the end of it.
const exampleTopics = `
# Who may have which topics. The first rule whose pattern covers a topic holds; a topic without a rule is open to all. What
# a client's token allows holds besides: both have to allow. A pattern is one topic (price, price:EURUSD), or the beginning
# of topics with * at its end (price:*), and $user stands for the name of any user. subscribe and publish say who: everyone,
# users (clients with an identity), owner (the one whose name stands for $user in the topic), nobody, or a list of users; left
# out, owner where the pattern has $user, else everyone. Where rules restrict who may subscribe to
# ids of a type and none covers the type itself, nobody may subscribe to the type, which brings the events of all ids.
# Reloaded by SIGHUP.
#
# An entry may also say what is kept of a type, or of types that begin with match: history (the newest events, up to so many, so many
# bytes, and so old, and with latest_per_id the newest of each id besides), behind (what becomes of a client that does not keep up: close,
# catch-up, latest or skip), presence (clients may ask who is subscribed), and interest (for several hubs: ask each other for a type, for
# ids of it, or, auto, for ids as long as they are few). Again the first that matches holds, rules and policies each for themselves. docs/streams.md has more.
#topics:
#  - match: inbox:$user
#    subscribe: owner
#    publish: nobody
#  - match: price*
#    publish: [feed, backup]
#    history: {events: 1000, bytes: 1MiB, age: 10m, latest_per_id: true}
#    behind: latest
#  - match: typing
#    behind: skip
`

// printExample writes a file that sets every key to its default, behind a #.
func printExample(stdout io.Writer, flags []*kong.Flag) error {
	var text strings.Builder
	text.WriteString(exampleHead)
	group := ""
	for _, flag := range flags {
		if !isSetting(flag) {
			continue
		}
		if flag.Group != nil && flag.Group.Key != group {
			group = flag.Group.Key
			fmt.Fprintf(&text, "\n## %s\n", strings.TrimSuffix(flag.Group.Title, ":"))
		}
		help := flag.Help
		if flag.Tag.Has("reload") {
			help += " Reloaded by SIGHUP."
		}
		fmt.Fprintf(&text, "\n%s\n#%s: %s\n", wrapped("# ", help), flag.Name, defaultInYAML(flag))
	}
	text.WriteString(exampleTopics)
	_, err := io.WriteString(stdout, text.String())
	return err
}

// defaultInYAML is the default of a flag, as its value in a file.
func defaultInYAML(flag *kong.Flag) string {
	value := reflect.New(flag.Target.Type()).Elem()
	if flag.Tag.Has("default") {
		_ = flag.Parse(kong.ScanAsType(kong.FlagValueToken, flag.Tag.Default), value)
	}
	return inYAML(value)
}

// wrapped breaks text into lines of at most 100 bytes, each behind prefix.
func wrapped(prefix, text string) string {
	var out strings.Builder
	length := 0
	for _, word := range strings.Fields(text) {
		switch {
		case length == 0:
			out.WriteString(prefix)
			length = len(prefix)
		case length+1+len(word) > 100:
			out.WriteString("\n" + prefix)
			length = len(prefix)
		default:
			out.WriteString(" ")
			length++
		}
		out.WriteString(word)
		length += len(word)
	}
	return out.String()
}
