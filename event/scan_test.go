package event

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestScannerI1OutcomeIsTheLibrarys(t *testing.T) {
	pieces := []string{`"`, `\`, `{`, `}`, `[`, `]`, `,`, `:`, `\u00`, `\ud83d`, `\ude00`, `\n`, "\n", " ", "\x00", "\x7f", "\xc2\x85",
		"\xff", "\xe2\x82\xac", "é", `"type"`, `"id"`, `"payload"`, `"offset":7,`, `"a":1`, `{"a":1,"a":2}`, `null`, `true`, `-`, `.`, `0`, `1e5`, `__`,
		strings.Repeat("[", 33), strings.Repeat("]", 33), `"\u0061"`, `"a"`, `"\ud83d":1`, `,"b":1,"a\u0062":2`, `\ud83d\ude00`, strings.Trim(manyNames(20), "{}")}
	random := rand.New(rand.NewPCG(1, 2))
	for range 60000 {
		message := []byte(envelopeCases[random.IntN(len(envelopeCases))].message)
		if len(message) > 2000 {
			continue
		}
		for range 1 + random.IntN(3) {
			message = mutate(random, message, pieces)
		}
		checkEnvelope(t, message)
		if t.Failed() {
			return
		}
	}
}

func mutate(random *rand.Rand, message []byte, pieces []string) []byte {
	at := random.IntN(len(message) + 1)
	end := min(len(message), at+random.IntN(4))
	piece := pieces[random.IntN(len(pieces))]
	switch random.IntN(5) {
	case 0:
		return append(message[:at:at], message[end:]...)
	case 1:
		return append(append(message[:at:at], piece...), message[at:]...)
	case 2:
		return append(append(message[:at:at], piece...), message[end:]...)
	case 3:
		from := random.IntN(len(message) + 1)
		to := min(len(message), from+random.IntN(30))
		return append(append(message[:at:at], message[from:to]...), message[at:]...)
	default:
		if at < len(message) {
			message = bytes.Clone(message)
			message[at] ^= 1 << random.IntN(8)
		}
		return message
	}
}

func TestScannerFindsADuplicateAmongNames(t *testing.T) {
	for _, count := range []int{2, 3, 16, 33, 64, 65, 300} {
		names := strings.TrimSuffix(manyNames(count), "}")
		for _, again := range []string{`,"n":1}`, `,"n1":1}`, `,"x":1}`} {
			message := `{"type":"t","payload":` + names + again + `}`
			checkEnvelope(t, []byte(message))
		}
	}
}

func TestPlainEndStopsWhereANaiveLoopStops(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	alphabet := []byte("ab \x7f\x80\xa0\xff\"\\\x1f\x00!#[]\x5b\x5d")
	for range 200000 {
		b := make([]byte, random.IntN(40))
		for i := range b {
			b[i] = 'a'
			if random.IntN(8) == 0 {
				b[i] = alphabet[random.IntN(len(alphabet))]
			}
		}
		start := random.IntN(len(b) + 1)
		want, wantHigh := start, false
		for want < len(b) && b[want] >= ' ' && b[want] != '"' && b[want] != '\\' {
			wantHigh = wantHigh || b[want] >= 0x80
			want++
		}
		if got, high := plainEnd(b, start); got != want || high != wantHigh {
			t.Fatalf("%q from %d: got %d %v, want %d %v", b, start, got, high, want, wantHigh)
		}
	}
}
