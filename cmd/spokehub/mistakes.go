package main

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

var (
	// negativeNumber is an argument that the parser would take for a flag.
	negativeNumber = regexp.MustCompile(`^-\.?[0-9]`)
	// flagName finds flags in an error.
	flagName = regexp.MustCompile(`--([a-z][a-z-]*[a-z])`)
	// noValue and otherFlag are how the parser says that a flag has no value, parsedVariable where a value came from.
	noValue     = regexp.MustCompile(`(?:expected \w+ value but got "EOL" \(<EOL>\)|missing value, expecting .*)$`)
	otherFlag   = regexp.MustCompile(`expected \w+ value but got "?(--?[a-z-]{1,40})"? \([a-z ]+ flag[a-z ]*\).*$`)
	dashedValue = regexp.MustCompile(`(--[a-z-]+): expected \w+ value but got .*$`)
	// enumValue and boolValue are how it says that a value is none of those that there are, shortFlag that a flag with one dash is unknown.
	enumValue = regexp.MustCompile(`^(--[a-z-]+) must be one of (.*) but got (".*")$`)
	boolValue = regexp.MustCompile(`bool value must be true, 1, yes, false, 0 or no but got (".*")$`)
	// dashedNumber is how it says that an argument begins with a dash and a number.
	dashedNumber = regexp.MustCompile(`^unknown flag (-[0-9.]).*$`)
	shortFlag    = regexp.MustCompile(`^unknown flag -([A-Za-z])\b.*$`)
	// strayArgument is how it says that an argument is one too many.
	strayArgument  = regexp.MustCompile(`^unexpected argument (.*?)(?:, did you mean .*)?$`)
	parsedVariable = regexp.MustCompile(` \(from envar [A-Z_]+=".*"\)$`)
)

// joinNegatives writes "--flag -5" as "--flag=-5", so that it is the value that is wrong and not a flag that is unknown. What stands behind
// "--" is no flag.
func joinNegatives(args []string) []string {
	var joined []string
	for i, arg := range args {
		if arg == "--" {
			return append(joined, args[i:]...)
		}
		last := len(joined) - 1
		if negativeNumber.MatchString(arg) && last >= 0 && strings.HasPrefix(joined[last], "--") && !strings.Contains(joined[last], "=") {
			joined[last] += "=" + arg
			continue
		}
		joined = append(joined, arg)
	}
	return joined
}

// dropEmptyVariables makes variables that are set to nothing count as not set, as a deployment that fills in a template leaves
// them. Only --admin has a meaning for nothing.
func dropEmptyVariables(flags []*kong.Flag) {
	for _, flag := range flags {
		for _, name := range flag.Envs {
			if value, found := os.LookupEnv(name); found && value == "" {
				_ = os.Unsetenv(name)
			}
		}
	}
}

// explain words an error about the configuration in one line, and names what has set the flags which it names.
func explain(err error, s sources) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	text = parsedVariable.ReplaceAllString(text, "")
	text = noValue.ReplaceAllString(text, "a value is missing")
	text = otherFlag.ReplaceAllString(text, "a value is missing: $1 is a flag itself")
	text = dashedValue.ReplaceAllString(text, "$1: a value is missing, or begins with a dash: then write $1=VALUE")
	text = boolValue.ReplaceAllString(text, "want true or false, and got $1")
	if match := enumValue.FindStringSubmatch(text); match != nil {
		text = fmt.Sprintf("%s: want one of %s, and got %s", match[1], strings.ReplaceAll(strings.ReplaceAll(match[2], ",", ", "), `"`, ""), match[3])
	}
	text = dashedNumber.ReplaceAllString(text, "an argument begins with $1, which looks like a flag: put flags first, then -- and the arguments, as in: spokehub pub --stamp -- price -1")
	if match := shortFlag.FindStringSubmatch(text); match != nil {
		text = s.unknownShort(match[1])
	}
	if match := strayArgument.FindStringSubmatch(text); match != nil && !looksLikeFile(match[1]) {
		text = "unexpected argument, which looks like a key or a token: the value of a flag stands directly behind it"
	}
	var set []string
	for _, match := range flagName.FindAllStringSubmatch(text, -1) {
		source := s.of(match[1])
		if source != "" && source != match[0] && !slices.Contains(set, source) {
			set = append(set, source)
		}
	}
	if len(set) == 0 {
		return text
	}
	return text + " (set by " + strings.Join(set, " and ") + ")"
}

// decodeInt reads a flag that is a number.
func decodeInt(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("number", &text); err != nil {
		return err
	}
	number, err := strconv.ParseInt(strings.TrimSpace(text), 10, 0)
	if err != nil {
		return fmt.Errorf("%q is not a whole number, or too large", text)
	}
	target.SetInt(number)
	return nil
}

// decodeTime reads a flag that is a time.
func decodeTime(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("time", &text); err != nil {
		return err
	}
	length, err := time.ParseDuration(strings.TrimSpace(text))
	if err != nil {
		return fmt.Errorf("%q is not a time, or too long: write it with a unit, such as 500ms, 10s or 1m30s", text)
	}
	target.SetInt(int64(length))
	return nil
}

// unknownShort says that a flag with one dash is unknown, and how a long one is written.
func (s sources) unknownShort(letter string) string {
	for _, arg := range s.args {
		name, _, _ := strings.Cut(arg, "=")
		if long, isShort := strings.CutPrefix(name, "-"); isShort && len(long) > 1 && strings.HasPrefix(long, letter) {
			return fmt.Sprintf("unknown flag %s: the name of a flag stands behind two dashes, as in -%s", name, name)
		}
	}
	return "unknown flag -" + letter
}

// neverEmpty are the flags for which an empty value, as a variable of a shell that is not set leaves it, would let in everybody.
var neverEmpty = []string{"config", "jwt-key", "jwks", "jwt-issuer", "jwt-audience", "api-keys", "anonymous", "tls-cert", "tls-key", "tls-client-ca", "trusted-proxy", "host", "origin"}

// emptyFlags says which of the arguments are empty and may not be.
func emptyFlags(args []string) (mistakes []error) {
	for i, arg := range args {
		name, isFlag := strings.CutPrefix(arg, "--")
		name, value, hasValue := strings.Cut(name, "=")
		if !hasValue {
			value = "-"
			if i+1 < len(args) {
				value = args[i+1]
			}
		}
		if isFlag && value == "" && slices.Contains(neverEmpty, name) {
			mistakes = append(mistakes, fmt.Errorf("--%s: the value is empty: leave out the flag, or give a value", name))
		}
	}
	return mistakes
}
