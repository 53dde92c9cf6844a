//go:build !race

package wsframe

import (
	"strings"
	"testing"
)

// TestPartialFramesAllocateNothingInSteadyState can't run under the race detector, which makes
// sync.Pool drop things at random.
func TestPartialFramesAllocateNothingInSteadyState(t *testing.T) {
	for _, c := range []struct {
		name  string
		input []byte
		cut   int
	}{
		{"a header in two pieces", clientFrame(fin|1, "Hello"), 3},
		{"a body in two pieces", clientFrame(fin|1, strings.Repeat("x", 1000)), 500},
		{"a large body in two pieces", clientFrame(fin|2, strings.Repeat("x", 60000)), 500},
		{"fragments", concat(clientFrame(1, "Hel"), clientFrame(fin|9, "p"), clientFrame(fin|0, "lo")), 20},
		{"a ping in two pieces", clientFrame(fin|9, "ping"), 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			input := make([]byte, len(c.input))
			var p Parser
			checkNoAllocs(t, func() {
				copy(input, c.input)
				messages := 0
				for _, rest := range [][]byte{input[:c.cut], input[c.cut:]} {
					for {
						_, n, ok, _ := p.Next(rest, testMax)
						rest = rest[n:]
						if !ok {
							break
						}
						messages++
					}
				}
				if messages == 0 {
					t.Fatal("no message")
				}
			})
		})
	}
}
