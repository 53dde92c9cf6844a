package main

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// checkText reports what is wrong with a text as a value of the flag, or one of its values if it takes several.
func checkText(flag *kong.Flag, text string) error {
	if flag.IsSlice() {
		text = kong.JoinEscaped([]string{text}, flag.Tag.Sep)
	}
	scratch := reflect.New(flag.Target.Type()).Elem()
	if err := flag.Parse(kong.ScanAsType(kong.FlagValueToken, text), scratch); err != nil {
		if flag.IsBool() {
			return fmt.Errorf("want true or false, and got %q", text)
		}
		if cause := errors.Unwrap(err); cause != nil {
			return cause
		}
		return err
	}
	if flag.Enum != "" && !slices.Contains(flag.EnumSlice(), text) {
		return fmt.Errorf("want %s, and got %q", wantOf(flag), text)
	}
	return nil
}

// wantOf says what a flag takes.
func wantOf(flag *kong.Flag) string {
	element := flag.Target.Type()
	if flag.IsSlice() {
		element = element.Elem()
	}
	switch {
	case flag.Enum != "":
		return "one of " + strings.Join(flag.EnumSlice(), ", ")
	case element == reflect.TypeFor[byteSize]():
		return "a size such as 64KiB"
	case element == reflect.TypeFor[time.Duration]():
		return "a time such as 10s"
	case flag.IsBool():
		return "true or false"
	case element.Kind() == reflect.Int:
		return "a whole number"
	case flag.IsSlice():
		return "one text or a list of them"
	}
	return "one text"
}

// unknownKey says that the file has a key which is no flag.
func unknownKey(key string, flags []*kong.Flag) string {
	known := []string{topicsKey}
	for _, flag := range flags {
		if flag.Name != "config" && flag.Name != "help" {
			known = append(known, flag.Name)
		}
	}
	positive, isNegated := strings.CutPrefix(key, "no-")
	switch {
	case key == "config":
		return "config: a file can't name another one"
	case isNegated && slices.Contains(known, positive):
		return fmt.Sprintf("%s: there is no such key: write \"%s: false\"", key, positive)
	}
	return noSuchKey(key, known)
}

// noSuchKey says so, with the nearest name that there is.
func noSuchKey(key string, known []string) string {
	if near := nearest(key, known); near != "" {
		return fmt.Sprintf("%s: there is no such key; did you mean %s?", key, near)
	}
	return fmt.Sprintf("%s: there is no such key; spokehub config example shows all", key)
}

// nearest is the name that somebody who wrote word may have meant, or "".
func nearest(word string, names []string) string {
	plain := strings.NewReplacer("_", "-", " ", "-").Replace(strings.ToLower(wordBoundary.ReplaceAllString(word, "$1-$2")))
	best, least := "", max(len(plain)/3, 1)+1
	for _, name := range names {
		if distance := editDistance(plain, name); distance < least {
			best, least = name, distance
		}
	}
	return best
}

// maxWord is the length of the longest word for which nearest looks.
const maxWord = 64

// editDistance is how many characters have to be added, taken away or replaced to make one word of another (Levenshtein).
func editDistance(a, b string) int {
	if len(a) > maxWord {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for i := range row {
		row[i] = i
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0]++
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
