package main

import (
	"fmt"
	"slices"
	"strings"
)

// kosme has characters of two and of three bytes: 11 bytes in all.
const kosme = "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"

// utf8Cases are section 6: text in whole messages, in fragments and in pieces, good and bad.
func utf8Cases() []scene {
	return slices.Concat(goodTextCases(), badTextCases(), sequenceCases())
}

func goodTextCases() []scene {
	const first, second = "Hello-\u00b5@\u00df\u00f6\u00e4", "\u00fc\u00e0\u00e1-UTF-8!!"
	const middle = "middle frame payload"
	return []scene{
		on("6.1.1", together).echo(text("")),
		on("6.1.2", together).send(begin(textual, ""), more(""), last("")).get(text("")),
		on("6.1.3", together).send(begin(textual, ""), more(middle), last("")).get(text(middle)),
		on("6.2.1", together).echo(text(first + second)),
		on("6.2.2", together).send(begin(textual, first), last(second)).get(text(first + second)),
		on("6.2.3", together).send(fragments(textual, first+second, 1)...).get(text(first + second)),
		on("6.2.4", together).send(fragments(textual, kosme, 1)...).get(text(kosme)),
	}
}

func badTextCases() []scene {
	const surrogate = kosme + "\xed\xa0\x80" + "edited"
	singles := fragments(textual, surrogate, 1)
	until := len(kosme) + len("\xed\xa0")
	const tooFar = kosme + "\xf4\x90\x80\x80" + "edited"
	length := len(tooFar)
	piece := func(payload string) frame { return frame{rest: true, payload: payload} }
	return []scene{
		on("6.3.1", together).send(text(surrogate)).end(1007),
		on("6.3.2", together).send(singles[:until]...).end(1007, singles[until:]...),
		on("6.4.1", frameByFrame).send(begin(textual, tooFar[:11]), more(tooFar[11:15])).end(1007, last(tooFar[15:])),
		on("6.4.2", frameByFrame).send(begin(textual, tooFar[:12]), more(tooFar[12:13])).end(1007, last(tooFar[13:])),
		on("6.4.3", frameByFrame).send(frame{first: fin | textual, payload: tooFar[:11], announced: length}, piece(tooFar[11:15])).
			end(1007, piece(tooFar[15:])),
		on("6.4.4", frameByFrame).send(frame{first: fin | textual, payload: tooFar[:12], announced: length}, piece(tooFar[12:13])).
			end(1007, piece(tooFar[13:])),
	}
}

// sequences are groups of texts that are all UTF-8 or all aren't, from section 6.5 on; one section may have several.
var sequences = []struct {
	section int
	good    bool
	texts   []string
}{
	{5, true, []string{"hello\u0024world", "hello\u00a2world", "hello\u20acworld", "hello\U00024b62world", kosme}},
	{6, false, []string{kosme[:1]}},
	{6, true, []string{kosme[:2]}},
	{6, false, []string{kosme[:3], kosme[:4]}},
	{6, true, []string{kosme[:5]}},
	{6, false, []string{kosme[:6]}},
	{6, true, []string{kosme[:7]}},
	{6, false, []string{kosme[:8]}},
	{6, true, []string{kosme[:9]}},
	{6, false, []string{kosme[:10]}},
	{6, true, []string{kosme}},
	{7, true, []string{"\x00", "\u0080", "\u0800", "\U00010000"}},
	{8, false, []string{"\xf8\x88\x80\x80\x80", "\xfc\x84\x80\x80\x80\x80"}},
	{9, true, []string{"\x7f", "\u07ff", "\uffff", "\U0010ffff"}},
	{10, false, []string{"\xf7\xbf\xbf\xbf", "\xfb\xbf\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf\xbf"}},
	{11, true, []string{"\ud7ff", "\ue000", "\ufffd", "\U0010ffff"}},
	{11, false, []string{"\xf4\x90\x80\x80"}},
	{12, false, []string{"\x80", "\xbf", "\x80\xbf", "\x80\xbf\x80", "\x80\xbf\x80\xbf", "\x80\xbf\x80\xbf\x80",
		"\x80\xbf\x80\xbf\x80\xbf", span(0x80, 0xbf, "")}},
	{13, false, []string{span(0xc0, 0xdf, " "), span(0xe0, 0xef, " "), span(0xf0, 0xf7, " "), span(0xf8, 0xfb, " "), span(0xfc, 0xfd, " ")}},
	{14, false, cutSequences},
	{15, false, []string{strings.Join(cutSequences, "")}},
	{16, false, []string{"\xfe", "\xff", "\xfe\xfe\xff\xff"}},
	{17, false, []string{"\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xf8\x80\x80\x80\xaf", "\xfc\x80\x80\x80\x80\xaf"}},
	{18, false, []string{"\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf8\x87\xbf\xbf\xbf", "\xfc\x83\xbf\xbf\xbf\xbf"}},
	{19, false, []string{"\xc0\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xf8\x80\x80\x80\x80", "\xfc\x80\x80\x80\x80\x80"}},
	{20, false, slices.Concat(highSurrogates, []string{"\xed\xb0\x80", "\xed\xbe\x80", "\xed\xbf\xbf"})},
	{21, false, surrogatePairs()},
	{22, true, noncharacters()},
	{23, true, []string{"\ufff9", "\ufffa", "\ufffb", "\ufffc", "\ufffd", "\ufffe", "\uffff"}},
}

// cutSequences lack their last byte: the least and the greatest of two to six bytes.
var cutSequences = []string{"\xc0", "\xe0\x80", "\xf0\x80\x80", "\xf8\x80\x80\x80", "\xfc\x80\x80\x80\x80",
	"\xdf", "\xef\xbf", "\xf7\xbf\xbf", "\xfb\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf"}

var highSurrogates = []string{"\xed\xa0\x80", "\xed\xad\xbf", "\xed\xae\x80", "\xed\xaf\xbf"}

func surrogatePairs() (pairs []string) {
	for _, high := range highSurrogates {
		pairs = append(pairs, high+"\xed\xb0\x80", high+"\xed\xbf\xbf")
	}
	return pairs
}

// noncharacters are the last two code points of each plane, which are valid.
func noncharacters() (texts []string) {
	for plane := range rune(17) {
		texts = append(texts, string(plane<<16|0xfffe), string(plane<<16|0xffff))
	}
	return texts
}

func span(first, last byte, behind string) string {
	var b strings.Builder
	for c := int(first); c <= int(last); c++ {
		b.WriteByte(byte(c))
		b.WriteString(behind)
	}
	return b.String()
}

// sequenceCases send each sequence in one frame.
func sequenceCases() []scene {
	return judged(func(s scene, sequence string) scene { return s.send(text(sequence)) })
}

// slicedSequenceCases, which the suite hasn't, send them so that the server gets to see no sequence as a whole.
func slicedSequenceCases() []scene {
	return slices.Concat(
		judged(func(s scene, sequence string) scene {
			s.number += " in fragments"
			return s.send(fragments(textual, sequence, 1)...)
		}),
		judged(func(s scene, sequence string) scene {
			s.number += " in pieces"
			s.cut = octetByOctet
			return s.send(text(sequence))
		}))
}

func judged(send func(s scene, sequence string) scene) []scene {
	var cases []scene
	counts := map[int]int{}
	for _, group := range sequences {
		for _, sequence := range group.texts {
			counts[group.section]++
			s := send(on(fmt.Sprintf("6.%d.%d", group.section, counts[group.section]), together), sequence)
			if group.good {
				s = s.get(text(sequence))
			} else {
				s = s.end(1007)
			}
			cases = append(cases, s)
		}
	}
	return cases
}
