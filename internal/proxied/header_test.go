package proxied

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"net/netip"
	"strings"
	"testing"
)

// binaryHeader makes a header of version 2.
func binaryHeader(command, family byte, body string) string {
	head := append([]byte("\r\n\r\n\x00\r\nQUIT\n"), command, family)
	return string(binary.BigEndian.AppendUint16(head, uint16(len(body)))) + body
}

// extension makes a TLV.
func extension(kind byte, value string) string {
	return string(binary.BigEndian.AppendUint16([]byte{kind}, uint16(len(value)))) + value
}

// summed puts the right checksum into a header whose last extension is one of zeros.
func summed(header string) string {
	sum := crc32.Checksum([]byte(header), crc32.MakeTable(crc32.Castagnoli))
	return string(binary.BigEndian.AppendUint32([]byte(header[:len(header)-4]), sum))
}

const (
	ipv4Body = "\xc0\x00\x02\x01\x0a\x00\x00\x01\x10\x00\x01\xbb"
	ipv6Ends = "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02"
	ipv6Body = ipv6Ends + "\x10\x00\x01\xbb"
	mapped   = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc0\x00\x02\x01" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x0a\x00\x00\x01" + "\x10\x00\x01\xbb"
)

// headerCase is a header and the client that it names, "" for none.
type headerCase struct {
	header string
	client string
	err    error
}

func headerCases() map[string]headerCase {
	return map[string]headerCase{
		"IPv4 as text":                        {"PROXY TCP4 192.0.2.1 10.0.0.1 4096 443\r\n", "192.0.2.1:4096", nil},
		"IPv6 as text":                        {"PROXY TCP6 2001:db8::1 2001:db8::2 4096 443\r\n", "[2001:db8::1]:4096", nil},
		"mapped IPv4 as text":                 {"PROXY TCP6 ::ffff:192.0.2.1 ::ffff:10.0.0.1 4096 443\r\n", "192.0.2.1:4096", nil},
		"an unknown client as text":           {"PROXY UNKNOWN\r\n", "", nil},
		"an unknown client with addresses":    {"PROXY UNKNOWN ffff:f...f:ffff 1 2 3\r\n", "", nil},
		"the longest text":                    {"PROXY UNKNOWN " + strings.Repeat("x", 91) + "\r\n", "", nil},
		"text that is too long":               {"PROXY UNKNOWN " + strings.Repeat("x", 92) + "\r\n", "", ErrTooLong},
		"text without an end":                 {"PROXY TCP4 " + strings.Repeat("1", 200), "", ErrTooLong},
		"text with a bare line feed":          {"PROXY TCP4 192.0.2.1 10.0.0.1 4096 443\n", "", ErrMalformed},
		"text of another family":              {"PROXY TCP4 2001:db8::1 2001:db8::2 4096 443\r\n", "", ErrMalformed},
		"text of a family unknown to all":     {"PROXY UDP4 192.0.2.1 10.0.0.1 4096 443\r\n", "", ErrMalformed},
		"text without a port":                 {"PROXY TCP4 192.0.2.1 10.0.0.1 4096\r\n", "", ErrMalformed},
		"text with a port too high":           {"PROXY TCP4 192.0.2.1 10.0.0.1 65536 443\r\n", "", ErrMalformed},
		"text with a signed port":             {"PROXY TCP4 192.0.2.1 10.0.0.1 +1 443\r\n", "", ErrMalformed},
		"text with a leading zero":            {"PROXY TCP4 192.0.2.1 10.0.0.1 0443 443\r\n", "", ErrMalformed},
		"text with two spaces":                {"PROXY TCP4  192.0.2.1 10.0.0.1 4096 443\r\n", "", ErrMalformed},
		"text with a wrong destination":       {"PROXY TCP4 192.0.2.1 10.0.0.256 4096 443\r\n", "", ErrMalformed},
		"text with a zone":                    {"PROXY TCP6 fe80::1%eth0 fe80::2 4096 443\r\n", "", ErrMalformed},
		"IPv4":                                {binaryHeader(0x21, 0x11, ipv4Body), "192.0.2.1:4096", nil},
		"IPv6":                                {binaryHeader(0x21, 0x21, ipv6Body), "[2001:db8::1]:4096", nil},
		"mapped IPv4":                         {binaryHeader(0x21, 0x21, mapped), "192.0.2.1:4096", nil},
		"a Unix socket":                       {binaryHeader(0x21, 0x31, strings.Repeat("\x00", 216)), "", nil},
		"an unspecified family":               {binaryHeader(0x21, 0x00, ""), "", nil},
		"an unspecified family with a body":   {binaryHeader(0x21, 0x00, "whatever"), "", nil},
		"datagrams":                           {binaryHeader(0x21, 0x12, ipv4Body), "", nil},
		"a health check":                      {binaryHeader(0x20, 0x00, ""), "", nil},
		"a health check with addresses":       {binaryHeader(0x20, 0x11, ipv4Body), "", nil},
		"extensions":                          {binaryHeader(0x21, 0x11, ipv4Body+extension(0x02, "a.example")+extension(0x04, "")), "192.0.2.1:4096", nil},
		"a right checksum":                    {summed(binaryHeader(0x21, 0x11, ipv4Body+extension(0x03, "\x00\x00\x00\x00"))), "192.0.2.1:4096", nil},
		"a wrong checksum":                    {binaryHeader(0x21, 0x11, ipv4Body+extension(0x03, "\x00\x00\x00\x00")), "", ErrChecksum},
		"a short checksum":                    {binaryHeader(0x21, 0x11, ipv4Body+extension(0x03, "\x00")), "", ErrMalformed},
		"half an extension":                   {binaryHeader(0x21, 0x11, ipv4Body+"\x02\x00"), "", ErrMalformed},
		"an extension longer than the header": {binaryHeader(0x21, 0x11, ipv4Body+"\x02\x00\x05abcd"), "", ErrMalformed},
		"addresses cut short":                 {binaryHeader(0x21, 0x11, ipv4Body[:11]), "", ErrMalformed},
		"IPv6 addresses cut short":            {binaryHeader(0x21, 0x21, ipv4Body), "", ErrMalformed},
		"an unknown version":                  {binaryHeader(0x31, 0x11, ipv4Body), "", ErrMalformed},
		"an unknown command":                  {binaryHeader(0x22, 0x11, ipv4Body), "", ErrMalformed},
		"an unknown family":                   {binaryHeader(0x21, 0x41, ipv4Body), "", ErrMalformed},
		"an unknown transport":                {binaryHeader(0x21, 0x13, ipv4Body), "", ErrMalformed},
		"the longest header":                  {binaryHeader(0x21, 0x11, ipv4Body+extension(0xE0, strings.Repeat("x", 4096-16-12-3))), "192.0.2.1:4096", nil},
		"a header that is too long":           {binaryHeader(0x21, 0x11, ipv4Body+extension(0xE0, strings.Repeat("x", 4096-16-12-2))), "", ErrTooLong},
		"a request":                           {"GET /ws HTTP/1.1\r\n", "", ErrNoHeader},
		"a request that begins like it":       {"PROPFIND / HTTP/1.1\r\n", "", ErrNoHeader},
		"a TLS handshake":                     {"\x16\x03\x01\x02\x00", "", ErrNoHeader},
		"an empty line":                       {"\r\n\r\nGET", "", ErrNoHeader},
	}
}

func TestHeadersOfTheProxyProtocol(t *testing.T) {
	for name, c := range headerCases() {
		t.Run(name, func(t *testing.T) {
			client, length, err := ParseHeader([]byte(c.header + "GET"))
			var want netip.AddrPort
			if c.client != "" {
				want = netip.MustParseAddrPort(c.client)
			}
			if client != want || !errors.Is(err, c.err) {
				t.Errorf("got %v, %v; want %v, %v", client, err, want, c.err)
			}
			if c.err == nil && length != len(c.header) || c.err != nil && length != 0 {
				t.Errorf("got length %d of %d", length, len(c.header))
			}
			checkBeginnings(t, []byte(c.header), err)
		})
	}
}

// checkBeginnings checks that a header that comes in pieces is awaited, and that a wrong one is never taken for a right one.
func checkBeginnings(t *testing.T, header []byte, want error) {
	t.Helper()
	_, length, _ := ParseHeader(header)
	for n := range header {
		client, got, err := ParseHeader(header[:n])
		switch {
		case length > 0 && n < length && (client.IsValid() || got != 0 || err != nil):
			t.Fatalf("%q: got %v, %d, %v for %d bytes of it, want it awaited", header, client, got, err, n)
		case want != nil && got != 0:
			t.Fatalf("%q: got a header in %d bytes of it, want none", header, n)
		case err != nil && !errors.Is(err, want):
			t.Fatalf("%q: got %v for %d bytes of it, want %v", header, err, n, want)
		}
	}
}

func TestAHeaderOfVersion2IsReadWithoutAllocation(t *testing.T) {
	header := []byte(summed(binaryHeader(0x21, 0x21, ipv6Body+extension(0x03, "\x00\x00\x00\x00"))))
	if got := testing.AllocsPerRun(100, func() { ParseHeader(header) }); got != 0 {
		t.Errorf("got %v allocations, want none", got)
	}
}

// FuzzProxyHeader checks that a header is the same in however many pieces it comes, and that no more is asked for than its limits allow.
func FuzzProxyHeader(f *testing.F) {
	for _, c := range headerCases() {
		f.Add([]byte(c.header))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		client, length, err := ParseHeader(input)
		switch {
		case length > len(input) || length > maxBinary:
			t.Fatalf("got length %d of %d, want no more than there is", length, len(input))
		case err != nil && (length != 0 || client.IsValid()):
			t.Fatalf("got %v, %d beside %v, want neither", client, length, err)
		case err == nil && length == 0 && len(input) >= maxBinary:
			t.Fatalf("got more asked for than %d bytes, want a refusal", len(input))
		}
		if len(input) < 1<<10 {
			checkBeginnings(t, input, err)
		}
		if length > 0 {
			again, n, err := ParseHeader(append(input[:length:length], "GET /"...))
			if again != client || n != length || err != nil {
				t.Fatalf("got %v, %d, %v with a request behind it, want %v, %d", again, n, err, client, length)
			}
		}
	})
}
