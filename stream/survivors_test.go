package stream

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSurvivorsAreAnOrderedSet(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	var s survivors
	var want []uint64
	frame := &testFrame{memory: 10}
	offset := uint64(0)
	for round := range 40 {
		for range 500 {
			switch random.IntN(10) {
			case 0, 1, 2, 3, 4, 5:
				if round%4 == 3 {
					continue
				}
				offset += 1 + random.Uint64N(3)
				s.add(offset, newEntry(frame, 0))
				want = append(want, offset)
			case 6, 7, 8:
				if len(want) > 0 {
					place := random.IntN(len(want))
					if got := s.take(want[place]); got.frame != frame {
						t.Fatalf("got %+v taken at %d, want the frame", got, want[place])
					}
					want = slices.Delete(want, place, place+1)
				}
			case 9:
				if len(want) > 0 && s.oldest().offset != want[0] {
					t.Fatalf("got %d for the oldest, want %d", s.oldest().offset, want[0])
				}
			}
		}
		var got []uint64
		for i := s.next(s.head); i < len(s.list); i = s.next(i + 1) {
			got = append(got, s.list[i].offset)
		}
		if !slices.Equal(got, want) || s.count != len(want) || s.bytes != int64(len(want))*(10+entryBytes) {
			t.Fatalf("round %d: got %d of %d survivors with %d bytes, want %d", round, len(got), s.count, s.bytes, len(want))
		}
		for range 20 {
			after := random.Uint64N(offset + 2)
			place, isThere := slices.BinarySearch(want, after)
			if isThere {
				place++
			}
			if got := s.behind(after); got != len(want)-place {
				t.Fatalf("round %d: got %d behind %d, want %d", round, got, after, len(want)-place)
			}
		}
	}
}

func TestSurvivorsGiveMemoryBack(t *testing.T) {
	var s survivors
	for offset := range uint64(10_000) {
		s.add(offset+1, newEntry(&testFrame{memory: 10}, 0))
	}
	full := s.memory() + s.bytes
	for offset := range uint64(9_900) {
		s.take(offset + 1)
	}
	if got := s.memory() + s.bytes; got > full/20 {
		t.Errorf("got %d bytes for a hundred, %d for all, want a twentieth at most", got, full)
	}
}
