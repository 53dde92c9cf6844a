package netpoll

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"testing"
	"time"
)

// recordEnds are where the records of a stream end that are there whole, and how long the longest header says one is.
func recordEnds(stream []byte) (ends []int, longest int) {
	for at := 0; at+recordHeader <= len(stream); {
		size := recordHeader + bodyOf(stream[at:])
		longest = max(longest, size)
		at += size
		if at <= len(stream) {
			ends = append(ends, at)
		}
	}
	return ends, longest
}

// checkBounds has take and pass follow a stream in pieces, and holds them against its records.
func checkBounds(t *testing.T, stream, cuts []byte) {
	t.Helper()
	var taking, passing recordBounds
	ends, longest := recordEnds(stream)
	at := 0
	for i := 0; at < len(stream); i++ {
		there, room := stream[at:], len(stream)
		if len(cuts) > 0 {
			there = there[:min(len(there), 1+int(cuts[i%len(cuts)])*7)]
			room = 1 + int(cuts[(i+1)%len(cuts)])*11
		}
		n := taking.take(there, room)
		if n <= 0 || n > min(room, len(there)) {
			t.Fatalf("got %d of %d bytes taken with room for %d", n, len(there), room)
		}
		first, _ := slices.BinarySearch(ends, at+1)
		if last, isEnd := slices.BinarySearch(ends, at+n); !isEnd && last > first {
			t.Fatalf("got the bytes from %d to %d taken together: they begin another record that is not whole, the ends are %v", at, at+n, ends)
		}
		at += n
	}
	passing.pass(stream)
	for name, b := range map[string]recordBounds{"take": taking, "pass": passing} {
		if b.whole != len(ends) || b.longest != longest {
			t.Errorf("%s: got %d whole records, the longest of %d bytes, want %d and %d", name, b.whole, b.longest, len(ends), longest)
		}
	}
	if taking.left != passing.left || taking.got != passing.got {
		t.Errorf("got %d bytes and %d of the header to come by take, %d and %d by pass", taking.left, taking.got, passing.left, passing.got)
	}
}

// recordsOf are records with bodies of these lengths.
func recordsOf(sizes ...int) (out []byte) {
	for _, size := range sizes {
		out = append(out, 23, 3, 3, byte(size>>8), byte(size))
		out = append(out, bytes.Repeat([]byte{byte(size)}, size)...)
	}
	return out
}

func TestRecordBoundsAreThoseOfTheRecordsHoweverTheyCome(t *testing.T) {
	for name, stream := range map[string][]byte{
		"one record": recordsOf(100), "an empty record": recordsOf(0), "short ones": recordsOf(1, 2, 3, 0, 4, 0, 0, 5),
		"long and short ones": recordsOf(16<<10, 1, 5000, 16<<10, 20), "half a header": recordsOf(3)[:3], "half a record": append(recordsOf(9, 9), recordsOf(90)[:40]...),
		"nothing": nil,
	} {
		t.Run(name, func(t *testing.T) {
			for _, cuts := range [][]byte{nil, {0}, {1}, {255}, {0, 9, 3, 200}, {50, 0, 255}} {
				checkBounds(t, stream, cuts)
			}
		})
	}
}

func FuzzRecordBounds(f *testing.F) {
	f.Add(recordsOf(100, 0, 3), []byte{0, 1, 2})
	f.Add(recordsOf(16<<10, 1), []byte{255, 0})
	f.Add([]byte{22, 3, 1, 255, 255, 0}, []byte{})
	f.Fuzz(func(t *testing.T, stream, cuts []byte) { checkBounds(t, stream, cuts) })
}

// helloOf is what a client begins its handshake with.
func helloOf(t testing.TB, config *tls.Config) []byte {
	t.Helper()
	ours, theirs := net.Pipe()
	defer ours.Close()
	go func() {
		_ = tls.Client(theirs, config).Handshake()
		theirs.Close()
	}()
	_ = ours.SetDeadline(time.Now().Add(waitLimit))
	head := make([]byte, recordHeader)
	if _, err := io.ReadFull(ours, head); err != nil {
		t.Fatal(err)
	}
	body := make([]byte, bodyOf(head))
	if _, err := io.ReadFull(ours, body); err != nil {
		t.Fatal(err)
	}
	return append(head, body...)
}

// messagesIn are the bodies of the records of a handshake, one behind the other.
func messagesIn(t testing.TB, records []byte) (out []byte) {
	t.Helper()
	for len(records) > 0 {
		if len(records) < recordHeader || len(records) < recordHeader+bodyOf(records) {
			t.Fatalf("got %d bytes that are no whole record", len(records))
		}
		out = append(out, records[recordHeader:recordHeader+bodyOf(records)]...)
		records = records[recordHeader+bodyOf(records):]
	}
	return out
}

// checkShortRecords holds what shortRecords makes of a record against it.
func checkShortRecords(t *testing.T, in []byte) {
	t.Helper()
	size := recordHeader + bodyOf(in)
	out := shortRecords(bytes.Clone(in))
	behind := in[size:]
	if !bytes.HasSuffix(out, behind) {
		t.Fatal("got other bytes behind the first record")
	}
	records := out[:len(out)-len(behind)]
	if got, want := messagesIn(t, records), in[recordHeader:size]; !bytes.Equal(got, want) {
		t.Fatalf("got %d bytes of handshake, want the same %d", len(got), len(want))
	}
	isCut := size-recordHeader > shortRecord && size-recordHeader <= maxSealed
	for rest := records; len(rest) > 0; rest = rest[recordHeader+bodyOf(rest):] {
		if !bytes.Equal(rest[:3], in[:3]) || isCut && (bodyOf(rest) == 0 || bodyOf(rest) > shortRecord) {
			t.Fatalf("got a record that begins with % x, want type and version of the first and some bytes, %d at most", rest[:recordHeader], shortRecord)
		}
	}
}

func TestShortRecordsSayTheSame(t *testing.T) {
	protocols := slices.Repeat([]string{"a-protocol-with-a-long-name"}, 100)
	for name, hello := range map[string][]byte{
		"a hello":            helloOf(t, &tls.Config{InsecureSkipVerify: true}),
		"a hello of TLS 1.2": helloOf(t, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}),
		"a long hello":       helloOf(t, &tls.Config{InsecureSkipVerify: true, NextProtos: protocols}),
	} {
		t.Run(name, func(t *testing.T) {
			checkShortRecords(t, hello)
			checkShortRecords(t, append(bytes.Clone(hello), hello[:20]...))
			if got, want := answerTo(t, shortRecords(bytes.Clone(hello))), answerTo(t, hello); got != want {
				t.Errorf("got %s by a server of crypto/tls, want %s", got, want)
			}
		})
	}
}

// answerTo is what a server of crypto/tls understands of a hello.
func answerTo(t *testing.T, hello []byte) (understood string) {
	t.Helper()
	ours, theirs := net.Pipe()
	_ = ours.SetDeadline(time.Now().Add(waitLimit))
	config := serverConfig(t)
	stop := errors.New("understood")
	config.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		understood = h.ServerName + string(slices.Concat([]byte{byte(len(h.CipherSuites))}, []byte{byte(len(h.SupportedProtos)), byte(len(h.SupportedVersions))}))
		return nil, stop
	}
	go func() {
		_, _ = theirs.Write(hello)
		_, _ = io.Copy(io.Discard, theirs)
	}()
	if err := tls.Server(ours, config).Handshake(); !errors.Is(err, stop) {
		t.Errorf("got %v, want the hello understood", err)
	}
	ours.Close()
	return understood
}

func FuzzShortRecords(f *testing.F) {
	f.Add(helloOf(f, &tls.Config{InsecureSkipVerify: true}))
	f.Add(recordsOf(513, 7))
	f.Add(recordsOf(16<<10 + 1))
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) >= recordHeader && len(in) >= recordHeader+bodyOf(in) {
			checkShortRecords(t, in)
		}
	})
}
