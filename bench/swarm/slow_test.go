//go:build linux

package swarm

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spokehub/spokehub/event"
)

func TestASlowSpokeReadsWhatItMay(t *testing.T) {
	const waiting, share = 100, 30
	p, s := listeningProcess(t, DialectHub)
	p.buffers.plain = make([]byte, 1<<10)
	s.slow = &slowReader{}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	s.fd = int32(pair[0])
	begun := append([]byte{finBit | opText, length16, 1, 0}, bytes.Repeat([]byte("x"), waiting-4)...)
	if n, err := unix.Write(pair[1], begun); n != waiting || err != nil {
		t.Fatalf("wrote %d bytes and got %v, want %d", n, err, waiting)
	}
	for _, want := range []int{30, 60, 90, 100, 100} {
		p.readShare(s, share)
		if got := len(s.partial); got != want {
			t.Fatalf("got %d bytes, want %d", got, want)
		}
	}
	if s.slow.credit != share {
		t.Errorf("got %d bytes that it may read besides, want one share of %d", s.slow.credit, share)
	}
}

func TestTheAgeOfWhatASlowSpokeGets(t *testing.T) {
	const interval = 100
	for name, c := range map[string]struct {
		reader slowReader
		age    int64
		want   float64
	}{
		"is measured in round trips and the interval": {slowReader{roundTrip: 50}, 100, 0.5},
		"is too much beyond two of them":              {slowReader{roundTrip: 50}, 400, 2},
		"takes the ping that is on its way":           {slowReader{roundTrip: 50, pinged: 1000 - 150}, 400, 1},
		"but not one that has just been sent":         {slowReader{roundTrip: 50, pinged: 1000 - 1}, 400, 2},
		"says nothing before the first round trip":    {slowReader{pinged: 1000 - 150}, 400, 0},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGroup()
			g.plan.Slow.Interval = interval
			g.slow.slots = []int32{0}
			g.aged(&c.reader, c.age, 1000)
			if g.WorstAge != c.want {
				t.Errorf("got %g, want %g", g.WorstAge, c.want)
			}
		})
	}
}

func TestAPongEndsARoundTrip(t *testing.T) {
	p, s := listeningProcess(t, DialectHub)
	s.slow = &slowReader{pinged: p.clock.read() - int64(time.Second)}
	p.receive(s, []byte{finBit | opPong, 0})
	if s.slow.pinged != 0 || s.slow.roundTrip < int64(time.Second) || p.groups[0].RoundTrip.Count() != 1 {
		t.Errorf("got %+v and %d round trips, want one of a second", *s.slow, p.groups[0].RoundTrip.Count())
	}
}

func TestGapsAreCounted(t *testing.T) {
	for name, c := range map[string]struct {
		view      string
		told      uint64
		malformed uint64
	}{
		"as they are told":          {string(event.AppendGap(nil, event.Gap{Topic: "room", Epoch: "x7", From: 3, To: 9, Missed: 5, Reason: event.GapSlow})), 5, 0},
		"but not if nobody knows":   {string(event.AppendGap(nil, event.Gap{Topic: "room", Missed: -1, Reason: event.GapBroker})), 0, 1},
		"nor what is no gap at all": {`{"type":"__gap","id":"","payload":7}`, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			p, s := listeningProcess(t, DialectHub)
			p.receive(s, serverFrame([]byte(c.view)))
			if g := p.groups[0]; g.Told != c.told || g.Faults != (Faults{Malformed: c.malformed}) {
				t.Errorf("got %d told and %+v, want %d and %d malformed", g.Told, g.Faults, c.told, c.malformed)
			}
		})
	}
}

func TestASpokeOfAllTopics(t *testing.T) {
	type came struct{ topic, seq uint32 }
	for name, c := range map[string]struct {
		events []came
		want   Faults
	}{
		"takes what all bring":        {[]came{{1, 2}, {2, 1}, {3, 1}, {1, 3}, {2, 2}, {3, 2}}, Faults{}},
		"notices a loss":              {[]came{{1, 2}, {2, 2}, {3, 1}, {1, 3}, {3, 2}}, Faults{Lost: 1}},
		"notices that the end lacks":  {[]came{{1, 2}, {2, 1}, {3, 1}, {1, 3}, {2, 2}}, Faults{Lost: 1}},
		"refuses what is not of them": {[]came{{1, 2}, {2, 1}, {3, 1}, {1, 3}, {2, 2}, {3, 2}, {4, 0}, {0, 0}}, Faults{Foreign: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			p, s := listeningProcess(t, DialectHub)
			g := p.groups[0]
			g.plan.FirstTopic, g.plan.Topics, g.plan.From = 1, 3, 4
			g.payload = payloadLength(1, 128)
			s.rooms = newRooms(g.plan)
			for _, e := range c.events {
				p.receive(s, serverFrame(appendEnvelope(nil, tick{topic: e.topic, seq: e.seq}, 128)))
			}
			if got := p.report([]uint64{10})[0].Faults; got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestSubscriptionsToStreams(t *testing.T) {
	type control struct {
		Type, ID string
		Payload  struct {
			Topic  string
			Topics []string
			Since  map[string]event.Position
		}
	}
	var since, rooms control
	at := event.Position{Epoch: "x7", Offset: 42}
	for into, wire := range map[*control][]byte{&since: appendSubscribeSince(nil, at, []byte("s")), &rooms: appendSubscribeRooms(nil, []byte("s"))} {
		if err := json.Unmarshal(unmask(t, wire), into); err != nil {
			t.Fatal(err)
		}
	}
	if since.Type != "__subscribe" || since.ID != "s" || since.Payload.Since["tick"] != at || len(since.Payload.Topics) != 1 {
		t.Errorf("got %+v, want a subscription to tick since %v", since, at)
	}
	if rooms.Type != "__subscribe" || rooms.ID != "s" || rooms.Payload.Topic != "room" {
		t.Errorf("got %+v, want a subscription to the type room", rooms)
	}
}

func TestSlowSpokesGetTheRestOnceTheyMayReadAll(t *testing.T) {
	fleet, server := startTestFleet(t, 2), plainServer(t, &plantedHub{})
	subscribers := Plan{
		Server: server, Count: fleetSpokes, Topics: 1, Size: 128, Subscription: Subscription{Subscribe: true, Ack: true},
		Slow: Slow{Rate: 1000, Buffer: 4 << 10, Interval: time.Millisecond},
	}
	if _, err := fleet.Connect(subscribers, fleet.All()); err != nil {
		t.Fatal(err)
	}
	if _, err := fleet.Connect(Plan{Server: server, Group: 1, Count: 1, Size: 128}, []int{0}); err != nil {
		t.Fatal(err)
	}
	err := fleet.Publish(Publication{Kind: PublishRate, Group: 0, Writers: 1, Topics: 1, Spokes: fleetSpokes, Size: 128, Rate: 1000}, []int{0})
	if err != nil {
		t.Fatal(err)
	}
	await(t, func() bool { return fleet.Counters().Delivered(0) >= fleetSpokes })
	if resumed, err := fleet.Resume(0); err != nil || resumed != fleetSpokes {
		t.Fatalf("got %d spokes that read on and %v, want %d", resumed, err, fleetSpokes)
	}
	if report := finalReport(t, fleet, 0); report.Faults.Sum() != 0 || report.Delivered == 0 {
		t.Errorf("got %+v (%s) after %d events, want none", report.Faults, report.Example, report.Delivered)
	}
}
