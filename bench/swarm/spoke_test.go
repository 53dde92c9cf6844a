//go:build linux

package swarm

import "testing"

func TestASpokeOfTwoTopics(t *testing.T) {
	type came struct {
		topic, seq uint32
		at         int64
	}
	for name, c := range map[string]struct {
		events    []came
		delivered uint64
		want      Faults
	}{
		"takes what both bring":                {[]came{{0, 0, 1}, {7, 0, 2}, {0, 1, 3}}, 3, Faults{}},
		"notices a loss in one":                {[]came{{0, 0, 1}, {7, 1, 2}}, 2, Faults{Lost: 1}},
		"notices a double in the common topic": {[]came{{0, 0, 1}, {7, 0, 2}, {0, 0, 1}}, 2, Faults{Duplicated: 1}},
		"notices that the two are swapped":     {[]came{{0, 0, 2}, {7, 0, 1}}, 2, Faults{Reordered: 1}},
		"refuses a third topic":                {[]came{{8, 0, 1}}, 0, Faults{Foreign: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			p, s := listeningProcess(t, DialectHub)
			s.topic, s.second = 7, &secondTopic{expect: startAt(0)}
			p.groups[0].payload = payloadLength(7, 128)
			for _, e := range c.events {
				p.receive(s, serverFrame(appendEnvelope(nil, tick(e), 128)))
			}
			if g := p.groups[0]; g.Delivered != c.delivered || g.Faults != c.want {
				t.Errorf("got %d events and %+v, want %d and %+v", g.Delivered, g.Faults, c.delivered, c.want)
			}
		})
	}
}
