package swarm

import "testing"

func TestTheCheckerCatches(t *testing.T) {
	for name, c := range map[string]struct {
		came []uint32
		want Faults
	}{
		"nothing in a clean run":                  {[]uint32{0, 1, 2, 3, 4}, Faults{}},
		"a loss":                                  {[]uint32{0, 1, 3, 4}, Faults{Lost: 1}},
		"a loss of many":                          {[]uint32{0, 4}, Faults{Lost: 3}},
		"a loss at the beginning":                 {[]uint32{1, 2, 3, 4}, Faults{Lost: 1}},
		"a loss at the end":                       {[]uint32{0, 1, 2}, Faults{Lost: 2}},
		"a double":                                {[]uint32{0, 1, 1, 2, 3, 4}, Faults{Duplicated: 1}},
		"a double that comes late":                {[]uint32{0, 1, 2, 3, 4, 0}, Faults{Duplicated: 1}},
		"a swap":                                  {[]uint32{0, 2, 1, 3, 4}, Faults{Reordered: 1}},
		"a swap whose late half comes twice":      {[]uint32{0, 2, 1, 1, 3, 4}, Faults{Reordered: 1, Duplicated: 1}},
		"a loss and a double, which don't cancel": {[]uint32{0, 1, 1, 3, 4}, Faults{Lost: 1, Duplicated: 1}},
		"that nothing came":                       {nil, Faults{Lost: 5}},
	} {
		t.Run(name, func(t *testing.T) {
			expect := startAt(0)
			var got Faults
			for _, seq := range c.came {
				expect.observe(seq, &got)
			}
			expect.finish(5, &got)
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestI1TheNextNumberFollowsTheHighestSeenPastTheWrap(t *testing.T) {
	expect := startAt(^uint32(0) - 1)
	var faults Faults
	for _, seq := range []uint32{^uint32(0) - 1, ^uint32(0), 0, 1} {
		expect.observe(seq, &faults)
	}
	if faults != (Faults{}) || expect.next != 2 {
		t.Errorf("got %+v and next %d, want no fault and 2", faults, expect.next)
	}
}

func TestI2SeenTellsALossFromADoubleOverItsWholeWidth(t *testing.T) {
	expect := startAt(0)
	var faults Faults
	for seq := range uint32(100) {
		if seq != 50 {
			expect.observe(seq, &faults)
		}
	}
	if expect.observe(50, &faults); faults != (Faults{Reordered: 1}) {
		t.Errorf("got %+v, want the late one alone as reordered", faults)
	}
	if expect.observe(40, &faults); faults != (Faults{Reordered: 1, Duplicated: 1}) {
		t.Errorf("got %+v, want one double more", faults)
	}
}

func TestFaultsOfManyProcessesAddUp(t *testing.T) {
	got := Faults{1, 2, 3, 4, 5, 6}
	got.Add(Faults{10, 20, 30, 40, 50, 60})
	if want := (Faults{11, 22, 33, 44, 55, 66}); got != want || got.Sum() != 231 {
		t.Errorf("got %+v, sum %d, want %+v, sum 231", got, got.Sum(), want)
	}
}
