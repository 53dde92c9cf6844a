package event

import (
	"fmt"
	"maps"
	"slices"
	"testing"
)

func TestAnAckHasPositions(t *testing.T) {
	price := AckPosition{Position{"x7", 57}, Resumed, 0}
	tick := AckPosition{Position{"x7", 0}, Gapped, -1}
	for name, c := range map[string]struct {
		topics    []string
		positions []AckPosition
		want      string
	}{
		"of one topic":   {[]string{"price"}, []AckPosition{price}, `{"type":"__ack","id":"1","payload":{"topics":["price"],"positions":{"price":{"epoch":"x7","offset":57,"result":"resumed","missed":0}}}}`},
		"of many topics": {[]string{"price", `a:"b`}, []AckPosition{price, tick}, `{"type":"__ack","id":"1","payload":{"topics":["price","a:\"b"],"positions":{"price":{"epoch":"x7","offset":57,"result":"resumed","missed":0},"a:\"b":{"epoch":"x7","offset":0,"result":"gap","missed":null}}}}`},
		"of some topics": {[]string{"price", "chat"}, []AckPosition{price}, `{"type":"__ack","id":"1","payload":{"topics":["price","chat"],"positions":{"price":{"epoch":"x7","offset":57,"result":"resumed","missed":0}}}}`},
		"of no topic":    {[]string{"chat"}, nil, `{"type":"__ack","id":"1","payload":{"topics":["chat"]}}`},
	} {
		t.Run(name, func(t *testing.T) {
			var topics [][]byte
			var members []byte
			want := map[string]AckPosition{}
			for i, topic := range c.topics {
				topics = append(topics, []byte(topic))
				if i < len(c.positions) {
					p := c.positions[i]
					members = AppendAckPosition(members, []byte(topic), p.Position, p.Result, p.Missed)
					want[topic] = p
				}
			}
			pieces := AppendAckTopics(AppendAck([]byte("before"), []byte("1"), topics[:1]), topics[1:])
			for _, ack := range [][]byte{AppendAck([]byte("before"), []byte("1"), topics), pieces} {
				message := AppendAckPositions(ack, members)[len("before"):]
				if string(message) != c.want {
					t.Errorf("got %s, want %s", message, c.want)
				}
				got, err := ParseAck(message)
				if err != nil || !slices.Equal(got.Topics, c.topics) || !maps.Equal(got.Positions, want) || len(want) == 0 && got.Positions != nil {
					t.Errorf("got %+v and %v, want the positions %v", got, err, want)
				}
			}
		})
	}
}

func TestPositionsOfAcksAreParsed(t *testing.T) {
	for name, c := range map[string]struct {
		positions string
		want      map[string]AckPosition
		fault     Fault
	}{
		"of none":                       {`{}`, nil, 0},
		"of null":                       {`null`, nil, 0},
		"without missed":                {`{"a":{"epoch":"x","offset":1,"result":"fresh"}}`, map[string]AckPosition{"a": {Position{"x", 1}, Fresh, -1}}, 0},
		"with what is yet unknown":      {`{"a":{"epoch":"x","offset":1,"result":"later","missed":2,"x":[]}}`, map[string]AckPosition{"a": {Position{"x", 1}, "later", 2}}, 0},
		"but not of an array":           {`[]`, nil, FaultAnswer},
		"but not without an epoch":      {`{"a":{"offset":1,"result":"fresh","missed":0}}`, nil, FaultAnswer},
		"but not of a bad epoch":        {`{"a":{"epoch":"x.7","offset":1,"result":"fresh","missed":0}}`, nil, FaultAnswer},
		"but not without an offset":     {`{"a":{"epoch":"x","result":"fresh","missed":0}}`, nil, FaultAnswer},
		"but not of too great offsets":  {`{"a":{"epoch":"x","offset":9007199254740992,"result":"fresh","missed":0}}`, nil, FaultAnswer},
		"but not of less than zero":     {`{"a":{"epoch":"x","offset":-1,"result":"fresh","missed":0}}`, nil, FaultAnswer},
		"but not without a result":      {`{"a":{"epoch":"x","offset":1,"missed":0}}`, nil, FaultAnswer},
		"but not of less than none":     {`{"a":{"epoch":"x","offset":1,"result":"gap","missed":-1}}`, nil, FaultAnswer},
		"but not with one that is none": {`{"b":{"epoch":"x","offset":1,"result":"gap","missed":1},"a":7}`, nil, FaultAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			message := `{"type":"__ack","id":"1","payload":{"topics":["a"],"positions":` + c.positions + `}}`
			got, err := ParseAck([]byte(message))
			if faultIn(err) != c.fault || !maps.Equal(got.Positions, c.want) {
				t.Errorf("got %+v and %v, want %v and %v", got.Positions, err, c.want, c.fault)
			}
		})
	}
}

func FuzzAckPositions(f *testing.F) {
	f.Add([]byte(`{"type":"__ack","id":"1","payload":{"topics":["a"],"positions":{"a":{"epoch":"x7","offset":57,"result":"resumed","missed":0}}}}`), []byte("a"), []byte("a:1"), "x7", uint64(57), int64(3))
	f.Add([]byte(`{"type":"__ack","id":"1","payload":{"positions":{"\ud83d":{"epoch":"x7","offset":0,"result":"gap","missed":null}}}}`), []byte("\""), []byte("\\"), "", uint64(0), int64(-1))
	f.Fuzz(func(t *testing.T, message, first, second []byte, epoch string, offset uint64, missed int64) {
		if ack, err := ParseAck(message); err == nil {
			checkAckAgain(t, ack)
		}
		missed = max(missed, -1)
		if !ValidTopic(first) || !ValidTopic(second) || string(first) == string(second) {
			return
		}
		want := map[string]AckPosition{string(first): {Position{epoch, offset}, Gapped, missed}, string(second): {Position{"other", 7}, Fresh, 0}}
		members := AppendAckPosition(nil, first, Position{epoch, offset}, Gapped, missed)
		members = AppendAckPosition(members, second, Position{"other", 7}, Fresh, 0)
		ack, err := ParseAck(AppendAckPositions(AppendAck(nil, []byte("1"), [][]byte{first, second}), members))
		valid := referenceEpoch.MatchString(epoch) && offset <= MaxOffset
		if !referenceEpoch.MatchString(epoch) && !ValidTopic([]byte("t:"+epoch)) {
			return
		}
		if (err == nil) != valid || valid && (!maps.Equal(ack.Positions, want) || !slices.Equal(ack.Topics, []string{string(first), string(second)})) {
			t.Fatalf("got %+v and %v, want %v taken %v", ack, err, want, valid)
		}
	})
}

// checkAckAgain writes the positions of an ack and reads them again.
func checkAckAgain(t *testing.T, ack Ack) {
	t.Helper()
	var members []byte
	for topic, p := range ack.Positions {
		members = AppendAckPosition(members, []byte(topic), p.Position, p.Result, p.Missed)
	}
	again, err := ParseAck(AppendAckPositions(AppendAck(nil, []byte("1"), nil), members))
	if err != nil || !maps.Equal(again.Positions, ack.Positions) {
		t.Fatalf("got %v and %v written and read again, want %v", again.Positions, err, fmt.Sprint(ack.Positions))
	}
}
