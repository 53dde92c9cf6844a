package event

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

var namePairs = []struct {
	name   string
	first  string
	second string
	equal  bool
}{
	{"equal short ones", `ab`, `ab`, true},
	{"empty ones", ``, ``, true},
	{"equal ones of eight bytes", `abcdefgh`, `abcdefgh`, true},
	{"equal long ones", `abcdefghijklmnopqrstuvwxyz`, `abcdefghijklmnopqrstuvwxyz`, true},
	{"equal ones beyond ASCII", `имя`, `имя`, true},
	{"one that is escaped", `ab`, `\u0061b`, true},
	{"one of eight bytes that is escaped", `abcdefgh`, `abc\u0064efgh`, true},
	{"a long one that is escaped", `abcdefghijklmnopqrstuvwxyz`, `abcdefghijklmnopqrstuvwxy\u007a`, true},
	{"two that are escaped in different places", `a\u0062c`, `\u0061bc`, true},
	{"escapes in different cases", `\u00e9`, `\u00E9`, true},
	{"a character and its escape", `é`, `\u00e9`, true},
	{"a letter's escape and a code's", `\n`, `\u000a`, true},
	{"a slash and its escape", `a/`, `a\/`, true},
	{"a pair and its character", `😀`, `\ud83d\ude00`, true},
	{"equal halves", `\ud83d`, `\uD83D`, true},
	{"halves in the wrong order", `\ude00\ud83d`, `\ude00\ud83d`, true},
	{"one that is longer", `ab`, `abc`, false},
	{"one that is longer by an escape", `ab`, `ab\u0000`, false},
	{"NULs of different number", `\u0000`, `\u0000\u0000`, false},
	{"an empty one and NUL", ``, `\u0000`, false},
	{"the case of a letter", `ab`, `aB`, false},
	{"one byte in the middle of long ones", `abcdefghijkl0nopqrstuvwxyz`, `abcdefghijkl1nopqrstuvwxyz`, false},
	{"different halves", `\ud83d`, `\ud83e`, false},
	{"a half and the replacement character", `\ud83d`, `\ufffd`, false},
	{"a half and a whole pair", `\ud83d`, `\ud83d\ude00`, false},
	{"an escape and its text", `\n`, `\\n`, false},
	{"composed and decomposed characters", `\u00e9`, `e\u0301`, false},
}

func TestNameStackI1TwoNamesAreEqualIfTheirUnitsAre(t *testing.T) {
	for _, c := range namePairs {
		t.Run(c.name, func(t *testing.T) {
			for _, others := range []int{0, 1, 3, 10, 60, 300, maxBucket + 1} {
				for _, pair := range [][2]string{{c.first, c.second}, {c.second, c.first}} {
					middle := ""
					if others > 0 {
						middle = strings.Trim(manyNames(others), "{}") + ","
					}
					for _, object := range []string{
						`{"` + pair[0] + `":1,` + middle + `"` + pair[1] + `":2}`,
						`{` + middle + `"` + pair[0] + `":{"` + pair[0] + `":[{"` + pair[1] + `":1}]},"` + pair[1] + `":2}`,
					} {
						fault := Event{Type: "t", Payload: []byte(object)[:len(object):len(object)]}.Validate()
						if (fault != nil) != c.equal {
							t.Errorf("among %d others: got %v, want equal %v", others, fault, c.equal)
						}
						message := []byte(`{"type":"t",` + object[1:])
						if err := new(View).Parse(message[:len(message):len(message)]); (err != nil) != c.equal {
							t.Errorf("in the envelope, among %d others: got %v, want equal %v", others, err, c.equal)
						}
					}
				}
			}
		})
	}
}

func TestNameStackI2ScratchIsInProportionToTheMessage(t *testing.T) {
	for _, size := range []int{300, 64 << 10, 1 << 20} {
		for _, c := range hostileShapes {
			var view View
			message := c.make(size)
			_ = view.Parse([]byte(message))
			if got, want := view.held(), 2*len(message)+160<<10; got > want {
				t.Errorf("%s of %d bytes: got %d bytes of scratch, want %d at most", c.shape, len(message), got, want)
			}
		}
	}
}

func TestOneDuplicateAmongManyNamesIsFound(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	spell := []func(i int) string{
		shortName,
		sameEnds,
		func(i int) string { return "ж" + shortName(i) },
		func(i int) string { return fmt.Sprintf(`\u%04x`, i%0xd000) + shortName(i) },
		func(i int) string { return strings.Repeat("p", i%40) + shortName(i) },
	}
	for _, count := range []int{2, 4, 5, 6, 17, 100, 3000, maxBucket, maxBucket + 1, 40000} {
		for _, name := range spell {
			names := make([]string, count)
			for i := range names {
				names[i] = name(i)
			}
			random.Shuffle(count, func(i, j int) { names[i], names[j] = names[j], names[i] })
			payload := func() []byte { return []byte(`{"` + strings.Join(names, `":1,"`) + `":1}`) }
			if err := (Event{Type: "t", Payload: payload()}).Validate(); err != nil {
				t.Fatalf("%d names like %s: got %v, want none", count, names[0], err)
			}
			for range 4 {
				from, to := random.IntN(count), random.IntN(count-1)
				if to >= from {
					to++
				}
				kept := names[to]
				names[to] = names[from]
				if err := (Event{Type: "t", Payload: payload()}).Validate(); err == nil {
					t.Errorf("%d names like %s, the one at %d again at %d: got none, want an error", count, names[from], from, to)
				}
				names[to] = kept
			}
		}
	}
}

func TestNamesThatMeetInTheFilterAreSoonOnlyCollected(t *testing.T) {
	var stack nameStack
	var in level
	var b []byte
	for i := 0; in.compared < collect; i++ {
		name := shortName(i)
		if wordOf([]byte(name))*keyMix>>58 != 7 {
			continue
		}
		start := len(b)
		b = append(b, name...)
		if code := stack.add(b, &in, start, len(b), false); code < 0 {
			t.Fatalf("%s: got %d, want no fault", name, code)
		}
		if len(stack.all) > 8 {
			t.Fatalf("got %d names compared with each other, want them collected", len(stack.all))
		}
	}
}

func TestNamesOfOneHashAreComparedAsText(t *testing.T) {
	const count = maxBucket + 500
	var b []byte
	names := make([]uint64, count)
	for i := range names {
		b = append(b, '"')
		names[i] = 7<<56 | uint64(len(b))
		b = append(append(b, shortName(i)...), '"')
	}
	var stack nameStack
	for _, part := range []int{2, 100, 1000} {
		if !stack.differInTable(b, names[:part]) || !stack.differInPairs(b, names[:part]) {
			t.Errorf("%d different names of one hash: got equal ones, want none", part)
		}
	}
	names[1] = names[0]
	if stack.differ(b, names, make([]uint64, count), 64-8) {
		t.Errorf("%d names of one hash, two of them equal: got none, want them found", count)
	}
}
