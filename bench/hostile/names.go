//go:build linux

package main

import (
	"fmt"
	"strings"

	"github.com/spokehub/spokehub/bench/server"
)

// nameAttacks send events whose payload is hard to read.
var nameAttacks = []attack{
	{name: "plain", about: "events of one long string, for comparison", flags: largeMessages, prepare: plain, play: flooding},
	{name: "distinct-names", about: "one object of as many names as a message holds", flags: largeMessages, prepare: payloads("{", "}", distinctName), play: flooding},
	{name: "alike-names", about: "the same with names of one length and the same beginning and end", flags: largeMessages, prepare: payloads("{", "}", alikeName), play: flooding},
	{name: "alike-objects", about: "objects of 60 such names each", flags: largeMessages, prepare: payloads("[", "]", alikeObject), play: flooding},
	{name: "escaped-names", about: "names of escapes alone", flags: largeMessages, prepare: payloads("{", "}", escapedName), play: flooding},
	{name: "escaped-text", about: "strings of escapes alone", flags: largeMessages, prepare: payloads("[", "]", escapedText), play: flooding},
	{name: "nesting", about: "arrays and objects 500 deep", flags: largeMessages, prepare: payloads("[", "]", nested), play: flooding},
	{name: "numbers", about: "long numbers", flags: largeMessages, prepare: payloads("[", "]", number), play: flooding},
	{name: "malformed", about: "the names of distinct-names, and at the end the first once more", flags: largeMessages, prepare: payloads("{", `,"n0":1}`, distinctName), play: flooding},
}

func plain(at place) []byte {
	return eventOf(at.Message, `"`, `"`, func(int) string { return ",xxxxxx" })
}

// payloads is a message as long as may be, of elements that depend on their number.
func payloads(open, end string, element func(int) string) func(place) []byte {
	return func(at place) []byte { return eventOf(at.Message, open, end, element) }
}

// eventOf is a frame with an event of at most size bytes, whose payload is of elements.
func eventOf(size int, open, end string, element func(int) string) []byte {
	var b strings.Builder
	b.WriteString(`{"type":"x","payload":` + open)
	for number := 0; ; number++ {
		one := "," + element(number)
		if number == 0 {
			one = one[1:]
		}
		if b.Len()+len(one)+len(end)+1 > size {
			break
		}
		b.WriteString(one)
	}
	b.WriteString(end + "}")
	return server.Text(b.String())
}

func distinctName(number int) string { return fmt.Sprintf(`"n%x":1`, number) }

func alikeName(number int) string { return fmt.Sprintf(`"begin%08xend":1`, number) }

// alikeObject has as many names as the hub once read without help.
func alikeObject(number int) string {
	var names []string
	for i := range 60 {
		names = append(names, fmt.Sprintf(`"b%02xe":1`, i))
	}
	return "{" + strings.Join(names, ",") + "}"
}

func escapedName(number int) string { return `"` + escaped(fmt.Sprintf("%05x", number)) + `":1` }

func escapedText(int) string { return `"` + strings.Repeat(`\ud83d\ude00\n`, 16) + `"` }

func nested(int) string {
	return strings.Repeat(`[{"a":`, 250) + "1" + strings.Repeat(`}]`, 250)
}

func number(int) string { return "-1" + strings.Repeat("0", 40) + ".5e+300" }
