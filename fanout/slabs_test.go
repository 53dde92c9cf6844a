package fanout

import (
	"slices"
	"testing"
)

func TestSlabsGrow(t *testing.T) {
	for _, c := range []struct {
		name                   string
		have, room, more, want int
	}{
		{"to the least from nothing", 0, 0, 1, 4},
		{"not while there is room", 2, 4, 2, 4},
		{"to twice as much", 4, 4, 1, 8},
		{"to the next power of two", 4, 4, 9, 16},
		{"to the largest that is lent", 4, 4, 4<<7 - 4, 4 << 7},
		{"to what is asked for beyond that", 4, 4, 4 << 7, 4<<7 + 4},
		{"to twice as much beyond that", 4<<7 + 4, 4<<7 + 4, 1, 2 * (4<<7 + 4)},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := slabs[int]{least: 4}
			for range 3 {
				s := make([]int, c.have, c.room)
				for i := range s {
					s[i] = i + 1
				}
				before := slices.Clone(s)
				got := p.grow(s, c.more)
				if cap(got) != c.want || !slices.Equal(got, before) {
					t.Errorf("got %d with room for %d, want %d with room for %d", len(got), cap(got), len(before), c.want)
				}
				p.put(got)
			}
		})
	}
}

func TestSlabsKeepNoElements(t *testing.T) {
	p := slabs[*int]{least: 4}
	p.put(append(p.get(4), new(int), new(int)))
	if s := p.get(4); s[:4][0] != nil || s[:4][1] != nil {
		t.Errorf("got %v, want nothing of what was there", s[:4])
	}
}
