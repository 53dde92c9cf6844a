package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"

	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/stream"
)

const (
	// maxConfigFile is the size of the largest configuration file.
	maxConfigFile = 1 << 20
	// maxConfigValues is how many values a file may have, where each use of an alias counts.
	maxConfigValues = 100_000
	// topicsKey is the one key of the file that is no flag.
	topicsKey = "topics"
)

// configFile is what a configuration file sets. It never changes after it was read.
type configFile struct {
	name string
	// texts are the values as the parser of flags takes them, and lines where they stand, by key.
	texts  map[string]string
	lines  map[string]int
	topics []fanout.TopicRule
	// policies are those of its topics, and policyLines where they stand.
	policies    []stream.Policy
	policyLines []int
	// mistakes are all that is wrong with it, in the order of the file.
	mistakes []error
	// values is how many have been read.
	values int
}

// fileMistake is an error in a configuration file.
type fileMistake struct {
	file string
	line int
	text string
}

func (m fileMistake) Error() string {
	if m.line == 0 {
		return m.file + ": " + m.text
	}
	return fmt.Sprintf("%s:%d: %s", m.file, m.line, m.text)
}

// readConfigFile reads the file that sets some of the flags. What is wrong with it is in its mistakes.
func readConfigFile(name string, flags []*kong.Flag) *configFile {
	content, err := readBounded(name)
	if err != nil {
		f := newConfigFile(name)
		f.fail(0, "%s", err)
		return f
	}
	return parseConfigFile(name, content, flags)
}

func newConfigFile(name string) *configFile {
	return &configFile{name: name, texts: map[string]string{}, lines: map[string]int{}}
}

// readPatience is how long the other end of a pipe may take, such as a program that prints a key. A reload waits for it, and signals
// wait for the reload.
const readPatience = 10 * time.Second

// readBounded reads a file and says in plain words why it could not.
func readBounded(name string) ([]byte, error) { return readWithin(name, readPatience) }

// readWithin waits for nobody who may open the other end of a pipe, and for what comes through an open one only so long.
func readWithin(name string, patience time.Duration) ([]byte, error) {
	file, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New("there is no such file")
	case errors.Is(err, fs.ErrPermission):
		return nil, errors.New("this user may not read the file")
	case err != nil:
		return nil, plainPathError(err)
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.IsDir() {
		return nil, errors.New("this is a directory: name a file in it")
	}
	_ = file.SetReadDeadline(time.Now().Add(patience))
	content, err := io.ReadAll(io.LimitReader(file, maxConfigFile+1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fmt.Errorf("this is a pipe, and nobody has written it to its end within %v", patience)
	case err != nil:
		return nil, plainPathError(err)
	case len(content) > maxConfigFile:
		return nil, fmt.Errorf("the file is longer than %v", byteSize(maxConfigFile))
	}
	return content, nil
}

// plainPathError leaves out what the caller says anyway: the operation and the path.
func plainPathError(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// parseConfigFile reads the content of a file.
func parseConfigFile(name string, content []byte, flags []*kong.Flag) *configFile {
	f := newConfigFile(name)
	content = bytes.TrimPrefix(content, []byte("\uFEFF"))
	switch {
	case len(bytes.TrimSpace(content)) == 0:
		f.fail(0, "the file is empty: if every default is meant, leave out --config, or write a comment into the file")
		return f
	case !utf8.Valid(content):
		f.fail(0, "the file is not text in UTF-8")
		return f
	}
	var document, another yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return f
	} else if err != nil {
		f.failYAML(err, content)
		return f
	}
	if err := decoder.Decode(&another); err == nil {
		f.fail(another.Line, "a second document begins here, behind a line with ---: write everything into one")
	} else if !errors.Is(err, io.EOF) {
		f.failYAML(err, content)
	}
	f.readRoot(document.Content[0], flags)
	slices.SortStableFunc(f.mistakes, func(a, b error) int { return lineOf(a) - lineOf(b) })
	return f
}

// isEmpty says that the file sets nothing.
func (f *configFile) isEmpty() bool {
	return len(f.lines) == 0 && len(f.mistakes) == 0
}

func (f *configFile) fail(line int, format string, arguments ...any) {
	f.mistakes = append(f.mistakes, fileMistake{f.name, line, oneLine(fmt.Sprintf(format, arguments...))})
}

// maxMistake is the length of the longest text of a mistake, since a file may have values of any length.
const maxMistake = 500

// oneLine makes a text that quotes a file fit for a line of a log.
func oneLine(text string) string {
	if len(text) > maxMistake {
		text = strings.ToValidUTF8(text[:maxMistake], "") + "..."
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

func lineOf(err error) int {
	var m fileMistake
	errors.As(err, &m)
	return m.line
}

var (
	yamlLine  = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?`)
	tabIndent = regexp.MustCompile(`(?m)^ *\t`)
)

// failYAML reports what the YAML parser says, with the line in its place.
func (f *configFile) failYAML(cause error, content []byte) {
	text, _, _ := strings.Cut(cause.Error(), "\n")
	match := yamlLine.FindStringSubmatch(text)
	line, err := strconv.Atoi(match[1])
	if err != nil {
		line = 1
	}
	text = "this is not YAML: " + strings.TrimPrefix(text, match[0])
	if tab := tabIndent.FindIndex(content); tab != nil {
		line = 1 + bytes.Count(content[:tab[0]], []byte("\n"))
		text += "; the line is indented with a tab, and YAML takes only spaces"
	} else if strings.Contains(text, "alphabetic or numeric") || strings.Contains(text, "unknown anchor") {
		text += "; a text that begins with an asterisk, such as '*', needs quotes"
	}
	f.fail(line, "%s", text)
}

func (f *configFile) readRoot(root *yaml.Node, flags []*kong.Flag) {
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return
	}
	f.readMapping(root, "log-level: info", func(key string, at, value *yaml.Node) {
		f.lines[key] = at.Line
		if key == topicsKey {
			f.readTopics(value)
			return
		}
		index := slices.IndexFunc(flags, func(flag *kong.Flag) bool { return flag.Name == key })
		if index < 0 || key == "config" || key == "help" {
			delete(f.lines, key)
			f.fail(at.Line, "%s", unknownKey(key, flags))
			return
		}
		f.readFlag(flags[index], value)
	})
}

// readMapping calls read for each key of a mapping, each only once. What stands in its place is not repeated: it may be a secret.
func (f *configFile) readMapping(node *yaml.Node, example string, read func(key string, at, value *yaml.Node)) {
	node = behindAlias(node)
	if node.Kind != yaml.MappingNode {
		got := kindOf(node)
		if node.Kind == yaml.ScalarNode {
			got = "a text without a key"
		}
		f.fail(node.Line, "want keys with values, such as %q, and got %s", example, got)
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		at, value := node.Content[i], node.Content[i+1]
		key := behindAlias(at)
		switch {
		case !f.isAffordable(at):
			return
		case key.Kind != yaml.ScalarNode:
			f.fail(at.Line, "want the name of a key, and got %s", kindOf(key))
		case key.Value == "<<" && key.Tag == "!!merge":
			f.fail(at.Line, "<<: keys can't be merged into others here: write them out")
		case seen[key.Value] > 0:
			f.fail(at.Line, "%s: the key stands in line %d already", key.Value, seen[key.Value])
		default:
			seen[key.Value] = at.Line
			read(key.Value, at, value)
		}
	}
}

// readFlag checks the value of a flag and keeps its text.
func (f *configFile) readFlag(flag *kong.Flag, node *yaml.Node) {
	value := behindAlias(node)
	isList := flag.IsSlice()
	if value.Kind == yaml.SequenceNode && isList {
		var items []string
		failed := len(f.mistakes)
		for _, item := range value.Content {
			text, _ := f.readItem(flag, item)
			items = append(items, text)
		}
		if len(f.mistakes) == failed {
			f.texts[flag.Name] = kong.JoinEscaped(items, flag.Tag.Sep)
		}
		return
	}
	text, ok := f.readItem(flag, node)
	if ok && isList {
		text = kong.JoinEscaped([]string{text}, flag.Tag.Sep)
	}
	if ok {
		f.texts[flag.Name] = text
	}
}

// readItem is one value of a flag, as text.
func (f *configFile) readItem(flag *kong.Flag, node *yaml.Node) (text string, ok bool) {
	value := behindAlias(node)
	if !f.isAffordable(node) {
		return "", false
	}
	switch {
	case value.Kind == yaml.MappingNode && flag.Name == "listen":
		return f.readListen(value)
	case value.Kind != yaml.ScalarNode:
		f.fail(node.Line, "%s: want %s, and got %s", flag.Name, wantOf(flag), kindOf(value))
		return "", false
	case value.Tag == "!!null":
		f.fail(node.Line, "%s: the value is missing: want %s, or leave out the key", flag.Name, wantOf(flag))
		return "", false
	}
	if value.Value == "" && flag.IsSlice() && flag.Name != "listen" {
		f.fail(node.Line, "%s: an entry is empty: leave it out, or write [] for none", flag.Name)
		return "", false
	}
	if err := checkText(flag, value.Value); err != nil {
		f.fail(node.Line, "%s: %s", flag.Name, err)
		return "", false
	}
	return value.Value, true
}

// readListen is an entry of listen that is written as keys and values, as the flag has it.
func (f *configFile) readListen(node *yaml.Node) (text string, ok bool) {
	options, failed := "", len(f.mistakes)
	f.readMapping(node, "address: :8080", func(key string, at, value *yaml.Node) {
		value = behindAlias(value)
		values := []*yaml.Node{value}
		if value.Kind == yaml.SequenceNode && strings.HasPrefix(key, "tls-") {
			values = value.Content
		}
		for _, value := range values {
			value = behindAlias(value)
			switch {
			case !f.isAffordable(at):
				return
			case value.Kind != yaml.ScalarNode || value.Tag == "!!null":
				f.fail(at.Line, "listen: %s: want one value, and got %s", key, kindOf(value))
			case strings.Contains(value.Value, ",") && key != "address":
				f.fail(at.Line, "listen: %s: %q: a comma ends the value of an option: choose a name without", key, value.Value)
			case key == "address":
				text = value.Value
			default:
				options += "," + key + "=" + value.Value
			}
		}
	})
	if len(f.mistakes) > failed {
		return "", false
	}
	if text == "" {
		f.fail(node.Line, "listen: an entry has no address")
		return "", false
	}
	if _, err := parseListen(text + options); err != nil {
		f.fail(node.Line, "listen: %s", err)
		return "", false
	}
	return text + options, true
}

// isAffordable counts a value, and reports false, with one error, if there are too many.
func (f *configFile) isAffordable(node *yaml.Node) bool {
	f.values++
	if f.values == maxConfigValues+1 {
		f.fail(node.Line, "the file has more than %d values, counting each use of an alias", maxConfigValues)
	}
	return f.values <= maxConfigValues
}

// behindAlias is the node that an alias stands for.
func behindAlias(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode && node.Alias != nil {
		return node.Alias
	}
	return node
}

func kindOf(node *yaml.Node) string {
	switch {
	case node.Kind == yaml.SequenceNode:
		return "a list"
	case node.Kind == yaml.MappingNode:
		return "keys with values"
	case node.Tag == "!!null":
		return "nothing"
	}
	return fmt.Sprintf("%q", node.Value)
}
