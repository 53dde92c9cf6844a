package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// sources say where the values of flags come from. They never change.
type sources struct {
	args []string
	// file is nil if there is none.
	file *configFile
}

// of names what has set a flag: the flag itself, its variable, or the file with the line. It is "" for a default.
func (s sources) of(name string) string {
	given := func(arg string) bool {
		return arg == "--"+name || arg == "--no-"+name || strings.HasPrefix(arg, "--"+name+"=") || strings.HasPrefix(arg, "--no-"+name+"=")
	}
	variable := variableOf(name)
	switch {
	case slices.ContainsFunc(s.args, given):
		return "--" + name
	case os.Getenv(variable) != "":
		return variable
	case s.file != nil && s.file.lines[name] > 0:
		return fmt.Sprintf("%s:%d", s.file.name, s.file.lines[name])
	}
	return ""
}

// variableOf is the name of a flag's environment variable.
func variableOf(name string) string {
	return envPrefix + "_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// fileMistakes are what is wrong with the file.
func (s sources) fileMistakes() []error {
	if s.file == nil {
		return nil
	}
	return slices.Clone(s.file.mistakes)
}

// explained words each error in one line, and names the variables and the lines of the file that have set the flags which it
// names.
func (s sources) explained(err error) error {
	var joined interface{ Unwrap() []error }
	var usage usageError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &joined):
		var all []error
		for _, one := range joined.Unwrap() {
			all = append(all, s.explained(one))
		}
		if errors.As(err, &usage) {
			return usageError{errors.Join(all...)}
		}
		return errors.Join(all...)
	case errors.As(err, &usage):
		return usageError{newExplained(err, s)}
	}
	return newExplained(err, s)
}

// explainedError is an error of which nothing is left but the words, and whether it is about the configuration file.
type explainedError struct {
	text     string
	isInFile bool
}

func newExplained(err error, s sources) explainedError {
	var done explainedError
	if errors.As(err, &done) {
		return done
	}
	var inFile fileMistake
	return explainedError{explain(err, s), errors.As(err, &inFile)}
}

func (e explainedError) Error() string { return e.text }

// setDefaults makes the values of the file the defaults of the flags: what is given or in a variable is ahead of them.
func (f *configFile) setDefaults(flags []*kong.Flag) {
	for _, flag := range flags {
		if text, found := f.texts[flag.Name]; found {
			flag.Default, flag.HasDefault = text, true
		}
	}
}
