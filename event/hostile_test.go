package event

import (
	"fmt"
	"strings"
	"testing"
)

// hostileShapes are messages that cost more by the byte than ordinary ones, each made for a length of about bytes.
var hostileShapes = []struct {
	shape string
	make  func(bytes int) string
}{
	{"ordinary", objectOf},
	{"short", func(bytes int) string { return object(bytes, func(i int) string { return shortName(i) }) }},
	{"two", rowsOf(5000, func(i int) string { return shortName(i) })},
	{"oneletter", rowsOf(26, func(i int) string { return string(rune('a' + i)) })},
	{"sixes", rowsOf(6, sameEnds)},
	{"sevens", rowsOf(7, sameEnds)},
	{"sixteens", rowsOf(16, sameEnds)},
	{"seventeens", rowsOf(17, sameEnds)},
	{"hundreds", rowsOf(100, sameEnds)},
	{"sameends", func(bytes int) string { return object(bytes, sameEnds) }},
	{"prefix", func(bytes int) string {
		prefix := strings.Repeat("p", 200)
		return object(bytes, func(i int) string { return prefix + shortName(i) + prefix })
	}},
	{"prefixes", rowsOf(6, func(i int) string { return strings.Repeat("p", 50) + shortName(i) + "p" })},
	{"escaped", func(bytes int) string { return object(bytes, nameWithEscape) }},
	{"escapedrows", rowsOf(2, nameWithEscape)},
	{"escapedletters", rowsOf(6, func(i int) string { return `\` + "nrtbf/"[i:i+1] })},
	{"escapedone", rowsOf(1, func(int) string { return `\n` })},
	{"escapedlong", func(bytes int) string {
		return object(bytes, func(i int) string { return strings.Repeat(`\n`, 40) + shortName(i) })
	}},
	{"onename", func(bytes int) string {
		return hostileHead + `{"` + strings.Repeat(`\n`, bytes/2) + `":1}` + hostileTail
	}},
	{"halves", func(bytes int) string {
		return object(bytes, func(i int) string { return fmt.Sprintf(`\ud8%02x\ud8%02x`, i&255, i>>8) })
	}},
	{"cyrillic", func(bytes int) string {
		return object(bytes, func(i int) string { return "ж" + shortName(i) })
	}},
	{"deep", func(bytes int) string {
		block := strings.Repeat(`{"a":1,"b":`, 509) + "{}" + strings.Repeat("}", 509)
		return array(bytes, func(int) string { return block })
	}},
	{"deepends", func(bytes int) string {
		block := strings.Repeat(`{"a1z":1,"a2z":2,"a3z":`, 509) + "{}" + strings.Repeat("}", 509)
		return array(bytes, func(int) string { return block })
	}},
	{"alternating", func(bytes int) string {
		return object(bytes, func(i int) string { return shortName(2*i) + `":{"a":1,"b":1},"` + shortName(2*i+1) })
	}},
	{"twice", func(bytes int) string {
		return strings.TrimSuffix(object(bytes, shortName), "}}") + `,"a ":1}}`
	}},
	{"brackets", func(bytes int) string { return array(bytes, func(int) string { return "[]" }) }},
	{"braces", func(bytes int) string { return array(bytes, func(int) string { return "{}" }) }},
	{"digits", func(bytes int) string { return array(bytes, func(int) string { return "1" }) }},
	{"numbers", func(bytes int) string { return array(bytes, func(int) string { return "-1.0e+1" }) }},
	{"strings", func(bytes int) string { return array(bytes, func(int) string { return `""` }) }},
	{"literals", func(bytes int) string { return array(bytes, func(int) string { return "true" }) }},
	{"onemembers", func(bytes int) string { return array(bytes, func(int) string { return `{"":1}` }) }},
	{"twomembers", func(bytes int) string { return array(bytes, func(int) string { return `{"a":1,"b":2}` }) }},
	{"escapes", func(bytes int) string { return textOf(bytes, `\n`) }},
	{"units", func(bytes int) string { return textOf(bytes, `\ud83d`) }},
	{"mixed", func(bytes int) string { return textOf(bytes, `\né`) }},
	{"spaces", func(bytes int) string { return array(bytes, func(int) string { return " \n1\t " }) }},
	{"indented", func(bytes int) string {
		return array(bytes, func(int) string { return strings.Repeat(" ", 100) + "1" })
	}},
}

// hostileHead and hostileTail are around each payload.
const hostileHead, hostileTail = `{"type":"t","payload":`, `}`

// object returns an envelope of about bytes whose payload is one object with the names.
func object(bytes int, name func(i int) string) string {
	var b strings.Builder
	b.WriteString(hostileHead + "{")
	for i := 0; b.Len() < bytes-len(hostileTail)-8; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"%s":1`, name(i))
	}
	b.WriteString("}" + hostileTail)
	return b.String()
}

// array returns an envelope of about bytes whose payload is an array of the elements, one at least.
func array(bytes int, element func(i int) string) string {
	var b strings.Builder
	b.WriteString(hostileHead + "[" + element(0))
	for i := 1; b.Len() < bytes-len(hostileTail); i++ {
		b.WriteByte(',')
		b.WriteString(element(i))
	}
	b.WriteString("]" + hostileTail)
	return b.String()
}

// rowsOf returns a shape of objects with count names each.
func rowsOf(count int, name func(i int) string) func(bytes int) string {
	var row strings.Builder
	for i := range count {
		fmt.Fprintf(&row, `,"%s":1`, name(i))
	}
	return func(bytes int) string {
		return array(bytes, func(int) string { return "{" + row.String()[1:] + "}" })
	}
}

// nameLetters are the characters of short names.
const nameLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 !#$%&'()*+,-./:;<=>?@[]^_`{|}~"

// shortName returns the shortest name that no smaller i has, two bytes at least.
func shortName(i int) string {
	n := len(nameLetters)
	name := string(nameLetters[i%n]) + string(nameLetters[i/n%n])
	if i >= n*n {
		name += shortName(i/n/n - 1)
	}
	return name
}

// sameEnds returns names that have one length, first and last byte.
func sameEnds(i int) string { return fmt.Sprintf("a%04xz", i) }

// nameWithEscape returns names with one escape.
func nameWithEscape(i int) string { return fmt.Sprintf(`\u%04x`, i%0xd000) + shortName(i/0xd000) }

func BenchmarkParseHostile(b *testing.B) {
	for _, size := range []int{1 << 10, 64 << 10, 1 << 20} {
		for _, c := range hostileShapes {
			message := []byte(c.make(size))
			b.Run(fmt.Sprintf("bytes=%d/shape=%s", size, c.shape), func(b *testing.B) {
				var view View
				_ = view.Parse(message)
				b.SetBytes(int64(len(message)))
				b.ReportAllocs()
				for b.Loop() {
					if err := view.Parse(message); err != nil && err != FaultDuplicateName {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(message)), "ns/byte")
			})
		}
	}
}
