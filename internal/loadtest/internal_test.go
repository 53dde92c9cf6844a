package loadtest

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/spokehub/spokehub/spoke"
)

// TestTallyAgreesWithAMap adds numbers in a random order, some twice, some never, and compares with a map.
func TestTallyAgreesWithAMap(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for range 200 {
		t2 := tally{next: 1}
		seen := map[int64]bool{}
		var got, doubled, disordered, highest int64
		for range 1000 {
			number := 1 + random.Int64N(1+int64(len(seen))+random.Int64N(100))
			t2.add(number)
			if seen[number] {
				doubled++
				continue
			}
			seen[number] = true
			got++
			if number < highest {
				disordered++
			}
			highest = max(highest, number)
		}
		if t2.got != got || t2.doubled != doubled || t2.disordered != disordered {
			t.Fatalf("got %d, %d, %d, want %d events, %d doubled, %d out of order", t2.got, t2.doubled, t2.disordered, got, doubled, disordered)
		}
	}
}

func FuzzStamp(f *testing.F) {
	f.Add(int64(1), int64(0), 34)
	f.Add(int64(999_999_999_999), int64(time.Hour), 1000)
	f.Fuzz(func(t *testing.T, number, due int64, size int) {
		if number < 0 || number > 999_999_999_999 || due < 0 || due > 99_999_999_999_999_999 || size < MinSize || size > 1<<16 {
			return
		}
		want := stamp{number, time.Duration(due)}
		payload := want.payload(size)
		if got, ok := parseStamp(payload); !ok || got != want || len(payload) != size {
			t.Errorf("got %+v, %v and %d bytes, want %+v and %d", got, ok, len(payload), want, size)
		}
	})
}

func FuzzParseStamp(f *testing.F) {
	f.Add([]byte(`"000000000001 00000000000000000 "`))
	f.Fuzz(func(t *testing.T, payload []byte) { parseStamp(payload) })
}

// TestALostConnectionCountsOnce: attempts to have another one that fail lose nothing more, and neither does Close.
func TestALostConnectionCountsOnce(t *testing.T) {
	var r run
	told := r.countLosses(false)
	for _, phase := range []spoke.Phase{
		spoke.Connecting, spoke.Connected, spoke.Waiting, spoke.Connecting, spoke.Waiting, spoke.Connecting, spoke.Connected, spoke.Closed,
	} {
		told(spoke.State{Phase: phase})
	}
	if got := r.trouble.lost.Load(); got != 1 {
		t.Errorf("%d connections are lost, want 1", got)
	}
}

// TestATallyForgetsWhatLiesBehind has a late event close a gap of several words at once.
func TestATallyForgetsWhatLiesBehind(t *testing.T) {
	tally := tally{next: 1}
	for number := int64(2); number <= 1000; number++ {
		tally.add(number)
	}
	tally.add(1)
	if tally.next != 1001 || len(tally.seen) > 1 {
		t.Errorf("next is %d with %d words kept, want 1001 with 1 at most", tally.next, len(tally.seen))
	}
}
