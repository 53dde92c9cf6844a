package wsframe

import (
	"fmt"
	"strings"
	"testing"
)

func TestGlanceFindsWhatALogLineNeeds(t *testing.T) {
	const fields = "Host: a.test\r\nOrigin: https://b.test\r\n"
	for name, c := range map[string]struct{ head, path, host, origin string }{
		"a whole head":                   {"GET /ws?t=s3cret HTTP/1.1\r\n" + fields + "\r\n", "/ws", "a.test", "https://b.test"},
		"a field that is repeated":       {"GET /ws HTTP/1.1\r\n" + fields + "Host: c.test\r\nOrigin: https://d.test\r\n\r\n", "/ws", "a.test", "https://b.test"},
		"a malformed line ahead":         {"GET /ws HTTP/1.1\r\nno colon\r\nA : b\r\n" + fields, "/ws", "a.test", "https://b.test"},
		"bare line feeds":                {"GET /ws HTTP/1.1\nHost: a.test\nOrigin: https://b.test\n\n", "/ws", "a.test", "https://b.test"},
		"empty lines ahead":              {"\r\n\r\nGET /ws HTTP/1.1\r\n" + fields, "/ws", "a.test", "https://b.test"},
		"a cookie that does not end":     {"GET /ws HTTP/1.1\r\n" + fields + "Cookie: " + strings.Repeat("s3cret", 4000), "/ws", "a.test", "https://b.test"},
		"a host that does not end":       {"GET /ws HTTP/1.1\r\nHost: a.te", "/ws", "", ""},
		"a query that does not end":      {"GET /ws?t=" + strings.Repeat("s3cret", 4000), "/ws", "", ""},
		"a fragment":                     {"GET /ws#s3cret HTTP/1.1\r\n" + fields, "/ws", "a.test", "https://b.test"},
		"a user in the target":           {"GET http://u:s3cret@a.test/ws HTTP/1.1\r\n" + fields, "", "a.test", "https://b.test"},
		"fields behind the head":         {"GET /ws HTTP/1.1\r\n\r\n" + fields, "/ws", "", ""},
		"a version that does not exist":  {"GET /ws HTTP/9.9\r\n" + fields, "/ws", "a.test", "https://b.test"},
		"a header of the PROXY protocol": {"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET /ws HTTP/1.1\r\n" + fields, "", "a.test", "https://b.test"},
		"no request":                     {"\x16\x03\x01 /ws \r\n" + fields, "", "", ""},
		"one word":                       {"s3cret\r\n" + fields, "", "a.test", "https://b.test"},
		"nothing":                        {"", "", "", ""},
	} {
		r := Glance([]byte(c.head))
		if string(r.Path) != c.path || string(r.Host) != c.host || string(r.Origin) != c.origin {
			t.Errorf("%s: got path %q, host %q, origin %q, want %q, %q, %q", name, r.Path, r.Host, r.Origin, c.path, c.host, c.origin)
		}
		if text := fmt.Sprintf("%s %s %s %s", r.Path, r.Host, r.Origin, r.Target); strings.Contains(text, "s3cret") {
			t.Errorf("%s: got %q, want no secret in it", name, text)
		}
	}
}
