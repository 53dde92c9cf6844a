//go:build linux

package swarm

import (
	"fmt"
	"testing"
)

// listeningProcess is a client process with one ready subscriber of topic 0, without a socket.
func listeningProcess(t testing.TB, dialect Dialect) (*process, *spoke) {
	t.Helper()
	counters, err := newCounters()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { counters.close() })
	p := &process{clock: newClock(), counters: counters, tally: &counters.page.tallies[0], spokes: make([]spoke, 1)}
	for i := range p.groups {
		p.groups[i] = newGroup()
	}
	p.groups[0].plan = Plan{Server: Server{Dialect: dialect}, Topics: 1, Size: 128}
	p.groups[0].payload = payloadLength(0, 128)
	p.groups[0].join(0)
	s := &p.spokes[0]
	s.fd, s.state, s.checked, s.expect = -1, stateReady, true, startAt(0)
	return p, s
}

// serverFrame is a short or medium unmasked frame.
func serverFrame(payload []byte) []byte {
	if len(payload) < length16 {
		return append([]byte{finBit | opText, byte(len(payload))}, payload...)
	}
	return append([]byte{finBit | opText, length16, byte(len(payload) >> 8), byte(len(payload))}, payload...)
}

func ticks(from, to uint32) (wire []byte) {
	for seq := from; seq < to; seq++ {
		wire = append(wire, serverFrame(appendEnvelope(nil, tick{seq: seq, at: 1}, 128))...)
	}
	return wire
}

func TestAnySplitOfTheInputGivesTheSameEvents(t *testing.T) {
	wire := ticks(0, 4)
	for size := 1; size <= len(wire); size += 7 {
		t.Run(fmt.Sprintf("pieces=%d", size), func(t *testing.T) {
			p, s := listeningProcess(t, DialectHub)
			for rest := wire; len(rest) > 0; {
				piece := rest[:min(size, len(rest))]
				rest = rest[len(piece):]
				view := append(s.partial, piece...)
				s.partial = nil
				p.receive(s, view)
			}
			if g := p.groups[0]; g.Delivered != 4 || g.Faults != (Faults{}) {
				t.Errorf("got %d events and %+v, want 4 and no fault", g.Delivered, g.Faults)
			}
		})
	}
}

func TestManyEventsInOneMessageAreAllSeen(t *testing.T) {
	p, s := listeningProcess(t, DialectNats)
	var joined []byte
	for seq := range uint32(3) {
		joined = append(append(append(joined, "MSG tick 1 128\r\n"...), appendEnvelope(nil, tick{seq: seq}, 128)...), "\r\n"...)
	}
	p.receive(s, serverFrame(joined))
	if g := p.groups[0]; g.Delivered != 3 || g.Faults != (Faults{}) {
		t.Errorf("got %d events and %+v, want 3 and no fault", g.Delivered, g.Faults)
	}
}

func TestDamagedEventsAreFaults(t *testing.T) {
	whole := appendEnvelope(nil, tick{}, 128)
	for name, c := range map[string]struct {
		envelope []byte
		want     Faults
	}{
		"when one is of another topic": {appendEnvelope(nil, tick{topic: 9}, 128), Faults{Foreign: 1}},
		"when one is cut short":        {whole[:len(whole)-8], Faults{Malformed: 1}},
		"when one has lost its end":    {append(append([]byte{}, whole[:len(whole)-3]...), "xxx"...), Faults{Malformed: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			p, s := listeningProcess(t, DialectHub)
			p.receive(s, serverFrame(c.envelope))
			if got := p.groups[0].Faults; got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestAWindowIsOpenedByTheLastSubscriberAlone(t *testing.T) {
	p, s := listeningProcess(t, DialectHub)
	g := p.groups[0]
	g.count(&Publication{Kind: PublishWindow, Topics: 1})
	g.join(0)
	p.spokes = append(p.spokes, *s)
	p.counters.slot(0).Store(2)
	p.receive(&p.spokes[0], ticks(0, 1))
	if got := p.counters.Completed(); got != 0 {
		t.Errorf("got %d messages complete after one of two, want none", got)
	}
	p.receive(&p.spokes[1], ticks(0, 1))
	if got := p.counters.Completed(); got != 1 {
		t.Errorf("got %d messages complete after both, want 1", got)
	}
}

func TestI1OfTheProcessNothingAllocatesPerFrame(t *testing.T) {
	p, s := listeningProcess(t, DialectHub)
	next := uint32(0)
	wires := make([][]byte, 128)
	for i := range wires {
		wires[i] = ticks(next, next+16)
		next += 16
	}
	turn := 0
	got := testing.AllocsPerRun(100, func() {
		p.receive(s, wires[turn])
		turn++
	})
	if got != 0 {
		t.Errorf("got %g allocations for 16 frames, want none", got)
	}
	if p.groups[0].Faults != (Faults{}) {
		t.Errorf("got %+v, want no fault", p.groups[0].Faults)
	}
}

func BenchmarkTake(b *testing.B) {
	for _, frames := range []uint32{1, 16, 64} {
		b.Run(fmt.Sprintf("frames=%d", frames), func(b *testing.B) {
			p, s := listeningProcess(b, DialectHub)
			wire := ticks(0, frames)
			b.ReportAllocs()
			b.SetBytes(int64(len(wire)))
			for b.Loop() {
				s.expect = startAt(0)
				p.receive(s, wire)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(frames), "ns/frame")
		})
	}
}
