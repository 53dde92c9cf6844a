package proxied

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"net/netip"
	"strconv"
	"strings"
)

const (
	// maxText is the length of the longest header of version 1, maxBinary that of the longest of version 2 that is accepted. What
	// load balancers send beside addresses (names, the state of TLS) takes some hundred bytes.
	maxText   = 107
	maxBinary = 4096
)

var (
	textStart = []byte("PROXY ")
	signature = []byte("\r\n\r\n\x00\r\nQUIT\n")
)

// The ways in which a header can be wrong.
var (
	// ErrNoHeader is returned for bytes that do not begin one.
	ErrNoHeader = errors.New("no PROXY header")
	// ErrTooLong is returned for one that exceeds its limit.
	ErrTooLong = errors.New("PROXY header too long")
	// ErrMalformed is returned for one that breaks the rules of its version.
	ErrMalformed = errors.New("malformed PROXY header")
	// ErrChecksum is returned for one whose checksum does not match.
	ErrChecksum = errors.New("PROXY header with a wrong checksum")
)

// ParseHeader reads the header of the PROXY protocol, version 1 or 2, at the beginning of a connection. It returns the address of the
// client, the zero value if the header leaves it at the connection's own (LOCAL, UNKNOWN, a Unix socket), and the header's length,
// 0 while buf is only its beginning. It looks no further than to the first byte that is wrong, keeps nothing, and allocates nothing
// for version 2.
func ParseHeader(buf []byte) (client netip.AddrPort, length int, err error) {
	if isStart(buf, signature) {
		return parseBinary(buf)
	}
	if isStart(buf, textStart) {
		return parseText(buf)
	}
	return client, 0, ErrNoHeader
}

// isStart says whether buf begins with start, or is the beginning of it.
func isStart(buf, start []byte) bool {
	n := min(len(buf), len(start))
	return bytes.Equal(buf[:n], start[:n])
}

// parseText reads version 1.
func parseText(buf []byte) (client netip.AddrPort, length int, err error) {
	end := bytes.IndexByte(buf[:min(len(buf), maxText)], '\n')
	switch {
	case end < 0 && len(buf) >= maxText:
		return client, 0, ErrTooLong
	case end < 0:
		return client, 0, nil
	case buf[end-1] != '\r':
		return client, 0, ErrMalformed
	}
	words := strings.Split(string(buf[len(textStart):end-1]), " ")
	if words[0] == "UNKNOWN" {
		return client, end + 1, nil
	}
	if len(words) != 5 || words[0] != "TCP4" && words[0] != "TCP6" {
		return client, 0, ErrMalformed
	}
	client, ok := textAddress(words[0], words[1], words[3])
	if _, isOther := textAddress(words[0], words[2], words[4]); !ok || !isOther {
		return netip.AddrPort{}, 0, ErrMalformed
	}
	return client, end + 1, nil
}

func textAddress(family, ip, port string) (a netip.AddrPort, ok bool) {
	addr, err := netip.ParseAddr(ip)
	number, isPort := parsePort(port)
	if err != nil || !isPort || addr.Zone() != "" || addr.Is4() != (family == "TCP4") {
		return a, false
	}
	return netip.AddrPortFrom(addr.Unmap(), number), true
}

// parsePort reads a port without sign and leading zeros.
func parsePort(text string) (port uint16, ok bool) {
	number, err := strconv.ParseUint(text, 10, 16)
	return uint16(number), err == nil && (text[0] != '0' || len(text) == 1)
}

const (
	// fixedLength is that of what comes ahead of the addresses of version 2.
	fixedLength = 16

	commandLocal = 0x20
	commandProxy = 0x21

	familyUnspecified = 0x0
	familyIPv4        = 0x1
	familyIPv6        = 0x2
	familyUnix        = 0x3
	// lastTransport is the highest number of a transport: datagrams.
	lastTransport = 0x2
	streams       = 0x1
)

// addressLength is how many bytes the two addresses of a family take, with ports.
var addressLength = [...]int{familyUnspecified: 0, familyIPv4: 12, familyIPv6: 36, familyUnix: 216}

// parseBinary reads version 2.
func parseBinary(buf []byte) (client netip.AddrPort, length int, err error) {
	if len(buf) > 12 && buf[12] != commandLocal && buf[12] != commandProxy {
		return client, 0, ErrMalformed
	}
	if len(buf) < fixedLength {
		return client, 0, nil
	}
	length = fixedLength + int(binary.BigEndian.Uint16(buf[14:]))
	if length > maxBinary {
		return client, 0, ErrTooLong
	}
	if len(buf) < length {
		return client, 0, nil
	}
	if buf[12] == commandLocal {
		return client, length, nil
	}
	family, transport := buf[13]>>4, buf[13]&0xF
	if int(family) >= len(addressLength) || transport > lastTransport {
		return client, 0, ErrMalformed
	}
	addresses := buf[fixedLength:length]
	size := addressLength[family]
	if len(addresses) < size {
		return client, 0, ErrMalformed
	}
	if family != familyUnspecified {
		if err := checkExtensions(buf[:length], fixedLength+size); err != nil {
			return client, 0, err
		}
	}
	if transport != streams {
		return client, length, nil
	}
	switch family {
	case familyIPv4:
		client = netip.AddrPortFrom(netip.AddrFrom4([4]byte(addresses)), binary.BigEndian.Uint16(addresses[8:]))
	case familyIPv6:
		client = netip.AddrPortFrom(netip.AddrFrom16([16]byte(addresses)).Unmap(), binary.BigEndian.Uint16(addresses[32:]))
	}
	return client, length, nil
}

const (
	// extensionHead is how long the type and the length of an extension are.
	extensionHead = 3
	// checksumType is the type of the extension that has a CRC32c of the whole header, computed with zeros in its place.
	checksumType = 0x03
	checksumSize = 4
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	// zeros stand for a checksum while it is computed. Nobody may change them.
	zeros [checksumSize]byte
)

// checkExtensions checks that what follows the addresses is whole extensions, and the checksum if there is one.
func checkExtensions(header []byte, at int) error {
	for at < len(header) {
		if len(header)-at < extensionHead {
			return ErrMalformed
		}
		value := at + extensionHead
		next := value + int(binary.BigEndian.Uint16(header[at+1:]))
		if next > len(header) {
			return ErrMalformed
		}
		if header[at] == checksumType {
			if next-value != checksumSize {
				return ErrMalformed
			}
			if binary.BigEndian.Uint32(header[value:]) != checksum(header, value) {
				return ErrChecksum
			}
		}
		at = next
	}
	return nil
}

// checksum is that of header with zeros for the checksum that it has at value.
func checksum(header []byte, value int) uint32 {
	sum := crc32.Update(0, castagnoli, header[:value])
	sum = crc32.Update(sum, castagnoli, zeros[:])
	return crc32.Update(sum, castagnoli, header[value+checksumSize:])
}
