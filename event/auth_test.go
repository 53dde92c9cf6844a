package event

import (
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

var tokenCases = []struct {
	name    string
	payload string
	token   string
}{
	{"takes a token", `{"token":"abc"}`, "abc"},
	{"takes white space", " { \"token\" :\n\"abc\" } ", "abc"},
	{"takes the longest", `{"token":"abcde"}`, "abcde"},
	{"takes the longest in escapes", `{"token":"\u0061\u0062\u0063\u0064\u0065"}`, "abcde"},
	{"takes two bytes of UTF-8 as two", `{"token":"\u00e9ab"}`, "éab"},
	{"decodes the member's name", `{"t\u006fken":"abc"}`, "abc"},
	{"ignores other members", `{"x":{"token":1,"y":["]","}"]},"Token":2,"token":"abc","z":[]}`, "abc"},
	{"refuses one that is too long", `{"token":"abcdef"}`, ""},
	{"refuses one that is too long in escapes", `{"token":"\u0061\u0062\u0063\u0064\u0065\u0066"}`, ""},
	{"refuses three characters that are too long", `{"token":"ééé"}`, ""},
	{"refuses an empty one", `{"token":""}`, ""},
	{"refuses a number", `{"token":1}`, ""},
	{"refuses null", `{"token":null}`, ""},
	{"refuses an object", `{"token":{"token":"abc"}}`, ""},
	{"refuses half of a surrogate pair", `{"token":"\ud800"}`, ""},
	{"refuses none", `{"tokens":"abc"}`, ""},
	{"refuses an empty object", `{}`, ""},
	{"refuses an array", `["token","abc"]`, ""},
	{"refuses a string", `"abc"`, ""},
	{"refuses null for a payload", `null`, ""},
}

func TestToken(t *testing.T) {
	for _, c := range tokenCases {
		t.Run(c.name, func(t *testing.T) {
			var view View
			mustParse(t, &view, `{"id":"\u0069d","type":"__auth","payload":`+c.payload+`}`)
			got, err := view.Token(5)
			if string(got) != c.token || (err == nil) != (c.token != "") || err != nil && err != FaultToken {
				t.Errorf("got %q and %v, want %q", got, err, c.token)
			}
			if string(view.ID) != "id" {
				t.Errorf("got the id %q afterwards, want %q", view.ID, "id")
			}
			checkToken(t, []byte(c.payload), 5)
		})
	}
}

func TestAnAuthAckIsAnEvent(t *testing.T) {
	for name, c := range map[string]struct {
		user    string
		expires int64
		want    string
	}{
		"with the moment of its end": {"alice", 1764150000, `{"type":"__ack","id":"1","payload":{"user":"alice","expires":1764150000}}`},
		"without one for good":       {`a"b`, 0, `{"type":"__ack","id":"1","payload":{"user":"a\"b"}}`},
		"of an anonymous spoke":      {"", 0, `{"type":"__ack","id":"1","payload":{"user":""}}`},
	} {
		t.Run(name, func(t *testing.T) {
			got := AppendAuthAck(nil, []byte("1"), c.user, c.expires)
			if string(got) != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			var view View
			mustParse(t, &view, string(got))
		})
	}
}

// checkToken compares Token with what the JSON library finds.
func checkToken(t *testing.T, payload []byte, limit int) {
	t.Helper()
	limit = min(max(limit, 0), 1<<20)
	var view View
	if view.Parse(append(append([]byte(`{"type":"__auth","payload":`), payload...), '}')) != nil {
		return
	}
	var members map[string]jsontext.Value
	want := ""
	if jsontext.Value(view.Payload).Kind() == '{' && json.Unmarshal(view.Payload, &members, jsontext.AllowInvalidUTF8(true)) == nil {
		if raw, found := members["token"]; found && raw.Kind() == '"' {
			if json.Unmarshal(raw, &want) != nil || len(want) > limit {
				want = ""
			}
		}
	}
	got, err := view.Token(limit)
	if string(got) != want || (err == nil) != (want != "") {
		t.Fatalf("%q, limit %d: got %q and %v, library %q", payload, limit, got, err, want)
	}
}
