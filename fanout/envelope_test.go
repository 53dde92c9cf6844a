package fanout_test

import (
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

func TestEnvelope(t *testing.T) {
	t.Parallel()
	nested := func(depth int) string {
		out := `{"type":"t","payload":`
		for range depth - 1 {
			out += "["
		}
		for range depth - 1 {
			out += "]"
		}
		return out + "}"
	}
	deep := nested(512)
	for name, c := range map[string]struct {
		sent string
		want string
	}{
		"all members":                         {`{"type":"t","id":"i","payload":{"total":12.5}}`, envelope("t", "i", `{"total":12.5}`)},
		"members in any order":                {`{"payload":[1],"id":"i","type":"t"}`, envelope("t", "i", "[1]")},
		"a missing id means empty":            {`{"type":"t","payload":1}`, envelope("t", "", "1")},
		"a missing payload means null":        {`{"type":"t","id":"i"}`, envelope("t", "i", "null")},
		"unknown members are ignored":         {`{"x":{"type":1},"type":"t","y":[]}`, envelope("t", "", "null")},
		"payload bytes are carried unchanged": {`{"type":"t","payload":{"b":1.0,  "a":"\u00e9\/"}}`, envelope("t", "", `{"b":1.0,  "a":"\u00e9\/"}`)},
		"nesting of 512":                      {deep, envelope("t", "", deep[len(`{"type":"t","payload":`):len(deep)-1])},
		"nesting of 513 is malformed":         {nested(513), ""},
		"a duplicate member is malformed":     {`{"type":"t","type":"t"}`, ""},
		"a duplicate in the payload too":      {`{"type":"t","payload":{"a":1,"a":1}}`, ""},
		"trailing data is malformed":          {`{"type":"t"} {}`, ""},
		"a missing type is malformed":         {`{"id":"t"}`, ""},
		"a type of a wrong kind":              {`{"type":1}`, ""},
		"an id of a wrong kind":               {`{"type":"t","id":null}`, ""},
		"an empty type":                       {`{"type":""}`, ""},
		"a type with a colon":                 {`{"type":"t:i"}`, ""},
		"a type with a control character":     {`{"type":"t\n"}`, ""},
		"no JSON":                             {`hello`, ""},
		"an empty message":                    {``, ""},
		"an array":                            {`[{"type":"t"}]`, ""},
		"half a surrogate pair":               {`{"type":"t","payload":"cut \ud83d"}`, envelope("t", "", `"cut \ud83d"`)},
		"half a surrogate pair in the type":   {`{"type":"t\ud83d"}`, ""},
		"half a surrogate pair in the id":     {`{"type":"t","id":"\ud83d"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine fanout.Engine) {
				for _, first := range []byte{fin | opText, fin | opBinary} {
					h := newTestHub(t, fanout.Config{Engine: engine, Relay: true})
					other, _ := h.join()
					other.subscribe("t", "end")
					sender, _ := h.join()
					sender.write(clientFrame(first, c.sent))
					sender.text(envelope("end", "", "0"))
					malformed := uint64(0)
					if c.want != "" {
						other.wants(c.want)
					} else {
						malformed = 1
					}
					other.wants(envelope("end", "", "0"))
					expect(t, "malformed", h.hub.Stats().Malformed, malformed)
					expect(t, "lines logged about it", uint64(h.log.count("DEBUG", "malformed message dropped")), malformed)
				}
			})
		})
	}
}

func TestEnvelopesGoOutAsTextUnlessConfiguredForBinary(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		for binary, want := range map[bool]byte{false: opText, true: opBinary} {
			h := newTestHub(t, fanout.Config{Engine: engine, Binary: binary})
			c, spoke := h.join()
			c.subscribe("t")
			h.hub.DispatchEvent(event.Event{Type: "t"})
			spoke.DispatchEvent(event.Event{Type: "t"})
			for range 2 {
				expect(t, "frame", c.frame(), frame{op: want, fin: true, payload: envelope("t", "", "null")})
			}
			c.text(envelope("__subscribe", "1", `{"topic":"a"}`))
			expect(t, "answer's opcode", c.frame().op, want)
		}
	})
}
