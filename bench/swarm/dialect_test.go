package swarm

import (
	"bytes"
	"cmp"
	"encoding/json"
	"testing"
)

// unmask gives the payload of a frame that a client wrote.
func unmask(t *testing.T, wire []byte) []byte {
	t.Helper()
	f, ok, err := parseFrame(append([]byte{wire[0], wire[1] &^ maskBit}, wire[2:]...))
	if err != nil || !ok || len(wire) != f.head+4+f.size {
		t.Fatalf("got %+v, %v, %v from %d bytes, want one whole frame", f, ok, err, len(wire))
	}
	return sealFrame(bytes.Clone(wire[f.head+4:]), f.size)
}

func TestTheHubsControlEvents(t *testing.T) {
	for name, c := range map[string]struct {
		topic uint32
		ack   string
		want  string
	}{
		"name the common topic":      {0, "", "tick"},
		"name a room":                {0x1f, "", "room:0000001f"},
		"carry an id for the answer": {1, "00000000000000ff", "room:00000001"},
	} {
		t.Run(name, func(t *testing.T) {
			var got struct {
				Type, ID string
				Payload  struct{ Topic string }
			}
			if err := json.Unmarshal(unmask(t, DialectHub.appendSubscribe(nil, c.topic, []byte(c.ack))), &got); err != nil {
				t.Fatal(err)
			}
			if got.Type != "__subscribe" || got.ID != c.ack || got.Payload.Topic != c.want {
				t.Errorf("got %+v, want topic %q and id %q", got, c.want, c.ack)
			}
		})
	}
}

func TestEveryDialectCarriesTheSameEnvelope(t *testing.T) {
	event := tick{topic: 3, seq: 5, at: 7}
	envelope := appendEnvelope(nil, event, 128)
	for name, c := range map[string]struct {
		dialect       Dialect
		before, after string
	}{
		"bare":         {DialectHub, "", ""},
		"behind a PUB": {DialectNats, "PUB room:00000003 128\r\n", "\r\n"},
		"in a command": {DialectCentrifuge, `{"id":3,"publish":{"channel":"room:00000003","data":`, "}}"},
	} {
		t.Run(name, func(t *testing.T) {
			got := unmask(t, c.dialect.appendPublish(nil, event, 128))
			if want := c.before + string(envelope) + c.after; string(got) != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestAnswersToSubscriptions(t *testing.T) {
	for name, c := range map[string]struct {
		dialect           Dialect
		view              string
		answered, refused bool
	}{
		"the hub's ack":                         {DialectHub, `{"type":"__ack","id":"s","payload":{"topics":["tick"]}}`, true, false},
		"the hub's refusal":                     {DialectHub, `{"type":"__reject","id":"s","payload":{"topic":"x","reason":"limit"}}`, false, true},
		"not an event":                          {DialectHub, string(appendEnvelope(nil, tick{}, 128)), false, false},
		"a PONG":                                {DialectNats, "PONG\r\n", true, false},
		"a PONG behind other lines":             {DialectNats, "INFO {}\r\nPONG\r\n", true, false},
		"an error of NATS":                      {DialectNats, "-ERR 'Permissions Violation'\r\n", false, true},
		"centrifuge's answer to a subscription": {DialectCentrifuge, `{"id":2,"subscribe":{}}`, true, false},
		"not centrifuge's to a connect":         {DialectCentrifuge, `{"id":1,"connect":{"client":"x"}}`, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			answered, refused := c.dialect.subscribed([]byte(c.view))
			if answered != c.answered || refused != c.refused {
				t.Errorf("got answered %v, refused %v, want %v, %v", answered, refused, c.answered, c.refused)
			}
		})
	}
}

func TestAckStampReadsTheTimeAnAnswerCarries(t *testing.T) {
	ack := append([]byte(`{"type":"__ack","id":"`), appendHex(nil, 0x1234567890ab, 16)...)
	ack = append(ack, `","payload":{"topics":["tick"]}}`...)
	if got, ok := ackStamp(ack); !ok || got != 0x1234567890ab {
		t.Errorf("got %x, %v, want 1234567890ab", got, ok)
	}
	if got, ok := ackStamp([]byte(`{"type":"__ack","id":"s","payload":{}}`)); ok {
		t.Errorf("got %x, want no time", got)
	}
}

func TestPublishingAllocatesNothing(t *testing.T) {
	buffer := make([]byte, 0, 4096)
	for _, dialect := range []Dialect{DialectHub, DialectNats, DialectCentrifuge} {
		t.Run(cmp.Or(string(dialect), "hub"), func(t *testing.T) {
			got := testing.AllocsPerRun(100, func() {
				buffer = dialect.appendPublish(buffer[:0], tick{topic: 1, seq: 2, at: 3}, 128)
			})
			if got != 0 {
				t.Errorf("got %g allocations, want none", got)
			}
		})
	}
	if got := testing.AllocsPerRun(100, func() { buffer = appendControl(buffer[:0], "__subscribe", 9, nil) }); got != 0 {
		t.Errorf("got %g allocations for a control event, want none", got)
	}
}
