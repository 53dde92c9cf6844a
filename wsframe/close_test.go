package wsframe

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCodeAllowedIsTheRegistry(t *testing.T) {
	isAllowed := func(code int) bool {
		return code >= 1000 && code <= 1003 || code >= 1007 && code <= 1014 || code >= 3000 && code <= 4999
	}
	for code := range 1 << 16 {
		if got, want := CodeAllowed(uint16(code)), isAllowed(code); got != want {
			t.Fatalf("%d: got %v, want %v", code, got, want)
		}
	}
}

func TestParseClose(t *testing.T) {
	for _, c := range []struct {
		name      string
		payload   string
		want      Close
		violation *Close
	}{
		{"takes nothing for no status", "", Close{CodeNoStatus, ""}, nil},
		{"takes a code alone", closePayload(1000, ""), Close{1000, ""}, nil},
		{"takes a reason", closePayload(4999, "später"), Close{4999, "später"}, nil},
		{"refuses one byte", "\x03", Close{}, closeHalfCode},
		{"refuses code 0", closePayload(0, ""), Close{}, closeBadCode},
		{"refuses code 1004", closePayload(1004, ""), Close{}, closeBadCode},
		{"refuses code 1015", closePayload(1015, ""), Close{}, closeBadCode},
		{"refuses code 2999", closePayload(2999, ""), Close{}, closeBadCode},
		{"refuses code 5000", closePayload(5000, ""), Close{}, closeBadCode},
		{"refuses a reason that isn't UTF-8", closePayload(1000, "\xC3"), Close{}, closeReasonNotUTF8},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, violation := ParseClose([]byte(c.payload))
			if got != c.want || violation != c.violation {
				t.Errorf("got %v and %v, want %v and %v", got, violation, c.want, c.violation)
			}
		})
	}
}

func TestAppendClose(t *testing.T) {
	for _, c := range []struct {
		name   string
		code   uint16
		reason string
		want   Close
	}{
		{"keeps code and reason", 1013, `{"retry_after_ms":1500}`, Close{1013, `{"retry_after_ms":1500}`}},
		{"keeps a code alone", 1000, "", Close{1000, ""}},
		{"writes no status as nothing", CodeNoStatus, "lost", Close{CodeNoStatus, ""}},
		{"writes a code that isn't allowed as nothing", 1006, "lost", Close{CodeNoStatus, ""}},
		{"keeps the longest reason", 4000, strings.Repeat("x", 123), Close{4000, strings.Repeat("x", 123)}},
		{"cuts a reason", 4000, strings.Repeat("x", 124), Close{4000, strings.Repeat("x", 123)}},
		{"cuts between characters", 4000, strings.Repeat("x", 121) + "世", Close{4000, strings.Repeat("x", 121)}},
		{"replaces what isn't UTF-8", 4000, "a\xFFb", Close{4000, "a\uFFFDb"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			frame := AppendClose([]byte("kept"), c.code, c.reason)[len("kept"):]
			if len(frame) < 2 || frame[0] != fin|byte(CloseOp) || int(frame[1]) != len(frame)-2 || len(frame)-2 > MaxControl {
				t.Fatalf("not a close frame: % x", frame)
			}
			got, violation := ParseClose(frame[2:])
			if violation != nil || got != c.want {
				t.Errorf("got %v and %v, want %v", got, violation, c.want)
			}
		})
	}
}

func TestViolationsCanBeSent(t *testing.T) {
	for _, c := range frameCases() {
		v := c.want.violation
		if v == nil {
			continue
		}
		frame := AppendClose(nil, v.Code, v.Reason)
		got, violation := ParseClose(frame[2:])
		if violation != nil || got != *v || !utf8.ValidString(v.Reason) {
			t.Errorf("%s: got %v and %v, want %v", c.name, got, violation, *v)
		}
	}
}
