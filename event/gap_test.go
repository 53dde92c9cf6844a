package event

import (
	"fmt"
	"testing"
)

func TestAGapIsAnEvent(t *testing.T) {
	for name, c := range map[string]struct {
		gap  Gap
		want string
	}{
		"of a stream":                 {Gap{"price", "x7", 43, 51, 9, GapSlow}, `{"type":"__gap","id":"","payload":{"topic":"price","epoch":"x7","from":43,"to":51,"missed":9,"reason":"slow"}}`},
		"of an unknown size":          {Gap{"price:a\"", "x7", 1, MaxOffset, -1, GapTrimmed}, `{"type":"__gap","id":"","payload":{"topic":"price:a\"","epoch":"x7","from":1,"to":9007199254740991,"missed":null,"reason":"trimmed"}}`},
		"of one event":                {Gap{"price", "x7", 5, 5, 0, GapTrimmed}, `{"type":"__gap","id":"","payload":{"topic":"price","epoch":"x7","from":5,"to":5,"missed":0,"reason":"trimmed"}}`},
		"of a type without a stream":  {Gap{"chat", "", 0, 0, 3, GapSlow}, `{"type":"__gap","id":"","payload":{"topic":"chat","missed":3,"reason":"slow"}}`},
		"of a type without a broker":  {Gap{"chat", "", 0, 0, -1, GapBroker}, `{"type":"__gap","id":"","payload":{"topic":"chat","missed":null,"reason":"broker"}}`},
		"for a reason yet to be made": {Gap{"chat", "", 0, 0, -1, "later"}, `{"type":"__gap","id":"","payload":{"topic":"chat","missed":null,"reason":"later"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			message := AppendGap([]byte("before"), c.gap)[len("before"):]
			if string(message) != c.want {
				t.Errorf("got %s, want %s", message, c.want)
			}
			if got, err := ParseGap(message); err != nil || got != c.gap {
				t.Errorf("got %+v and %v, want %+v", got, err, c.gap)
			}
			var view View
			mustParse(t, &view, string(message))
			if view.Control() != UnknownControl {
				t.Errorf("a gap sent back is of kind %d, want %d", view.Control(), UnknownControl)
			}
		})
	}
}

func TestGapsAreParsed(t *testing.T) {
	const unknown = -1
	for name, c := range map[string]struct {
		payload string
		want    Gap
		fault   Fault
	}{
		"with what is yet unknown":     {`{"x":1,"topic":"a","missed":2,"reason":"slow"}`, Gap{Topic: "a", Missed: 2, Reason: GapSlow}, 0},
		"without missed":               {`{"topic":"a","reason":"slow"}`, Gap{Topic: "a", Missed: unknown, Reason: GapSlow}, 0},
		"without an epoch and offsets": {`{"topic":"a","from":1,"to":2,"missed":null,"reason":"slow"}`, Gap{Topic: "a", Missed: unknown, Reason: GapSlow}, 0},
		"but not without a topic":      {`{"missed":2,"reason":"slow"}`, Gap{}, FaultAnswer},
		"but not of a bad topic":       {`{"topic":"a:","missed":2,"reason":"slow"}`, Gap{}, FaultAnswer},
		"but not without a reason":     {`{"topic":"a","missed":2}`, Gap{}, FaultAnswer},
		"but not of less than none":    {`{"topic":"a","missed":-1,"reason":"slow"}`, Gap{}, FaultAnswer},
		"but not of half an event":     {`{"topic":"a","missed":0.5,"reason":"slow"}`, Gap{}, FaultAnswer},
		"but not of an empty epoch":    {`{"topic":"a","epoch":"","from":1,"to":2,"missed":2,"reason":"slow"}`, Gap{}, FaultAnswer},
		"but not of a bad epoch":       {`{"topic":"a","epoch":"x.7","from":1,"to":2,"missed":2,"reason":"slow"}`, Gap{}, FaultAnswer},
		"but not without offsets":      {`{"topic":"a","epoch":"x7","missed":2,"reason":"slow"}`, Gap{}, FaultAnswer},
		"but not from zero":            {`{"topic":"a","epoch":"x7","from":0,"to":2,"missed":2,"reason":"slow"}`, Gap{}, FaultAnswer},
		"but not backwards":            {`{"topic":"a","epoch":"x7","from":3,"to":2,"missed":2,"reason":"slow"}`, Gap{}, FaultAnswer},
		"but not beyond all offsets":   {`{"topic":"a","epoch":"x7","from":1,"to":9007199254740992,"missed":2,"reason":"slow"}`, Gap{}, FaultAnswer},
		"but not of a text":            {`"a"`, Gap{}, FaultAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			message := fmt.Sprintf(`{"type":"__gap","id":"","payload":%s}`, c.payload)
			if got, err := ParseGap([]byte(message)); got != c.want || faultIn(err) != c.fault {
				t.Errorf("got %+v and %v, want %+v and %v", got, err, c.want, c.fault)
			}
		})
	}
	for _, other := range []string{`{"type":"__ack","payload":{"topic":"a","missed":2,"reason":"slow"}}`, `{"type":"a","payload":{"topic":"a","missed":2,"reason":"slow"}}`} {
		if got, err := ParseGap([]byte(other)); faultIn(err) != FaultAnswer {
			t.Errorf("%s: got %+v and %v, want %v", other, got, err, FaultAnswer)
		}
	}
}

func FuzzGap(f *testing.F) {
	f.Add([]byte(`{"type":"__gap","id":"","payload":{"topic":"price","epoch":"x7","from":43,"to":51,"missed":9,"reason":"slow"}}`), "price", "x7", uint64(43), uint64(51), int64(9), "slow")
	f.Add([]byte(`{"type":"__gap","id":"","payload":{"topic":"chat:\u2028","missed":null,"reason":"broker"}}`), "chat:\"", "", uint64(0), uint64(0), int64(-1), "tri\\mmed")
	f.Add([]byte(`{"type":"__gap","id":"","payload":{"topic":"a","epoch":"x7","from":1,"to":0,"missed":null,"reason":"broker"}}`), "a", "x7", uint64(1), uint64(0), int64(-1), "broker")
	f.Fuzz(func(t *testing.T, message []byte, topic, epoch string, from, to uint64, missed int64, reason string) {
		if g, err := ParseGap(message); err == nil {
			if again, err := ParseGap(AppendGap(nil, g)); err != nil || again != g {
				t.Fatalf("%q: got %+v and %v written and read again, want %+v", message, again, err, g)
			}
		}
		g := Gap{topic, epoch, from, to, max(missed, -1), GapReason(reason)}
		if !ValidTopic([]byte(topic)) || epoch == "" && from+to != 0 || !ValidTopic([]byte("t:"+reason)) {
			return
		}
		isRange := from > 0 && from <= to && to <= MaxOffset
		isBegin := from == 1 && to == 0 && missed < 0
		valid := epoch == "" || referenceEpoch.MatchString(epoch) && (isRange || isBegin)
		got, err := ParseGap(AppendGap(nil, g))
		if (err == nil) != valid || valid && got != g {
			t.Fatalf("got %+v and %v, want %+v taken %v", got, err, g, valid)
		}
	})
}
