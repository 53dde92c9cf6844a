package fanouttest

import (
	"bufio"
	"bytes"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/spokehub/spokehub/wsframe"
)

func TestFramesOfAnyLengthAreRead(t *testing.T) {
	for _, size := range []int{0, 1, 125, 126, 65535, 65536} {
		payload := bytes.Repeat([]byte("x"), size)
		in := bufio.NewReader(iotest.OneByteReader(bytes.NewReader(wsframe.AppendFrame(nil, wsframe.Text, payload))))
		got, err := readFrame(in)
		if err != nil || got.op != wsframe.Text || !bytes.Equal(got.payload, payload) {
			t.Errorf("frame of %d bytes: got opcode %d, %d bytes and the error %v, want it as it was", size, got.op, len(got.payload), err)
		}
	}
}

func TestBrokenFramesAreErrors(t *testing.T) {
	for name, bytes := range map[string]string{
		"a fragment":      "\x01\x00",
		"a reserved bit":  "\xc1\x00",
		"a masked frame":  "\x81\x80",
		"a giant":         "\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff",
		"a cut header":    "\x81",
		"a cut length":    "\x81\x7e\x01",
		"a cut payload":   "\x81\x02x",
		"nothing at all":  "",
		"a cut long size": "\x81\x7f\x00",
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := readFrame(bufio.NewReader(strings.NewReader(bytes))); err == nil {
				t.Errorf("got the frame %v from %q, want an error", got, bytes)
			}
		})
	}
}

func TestTheHubUnderstandsMaskedFrames(t *testing.T) {
	for _, size := range []int{0, 125, 126, 65536} {
		want := strings.Repeat("x", size)
		var parser wsframe.Parser
		var got string
		input := maskedFrame(wsframe.Text, []byte(want))
		message, _, ok, violation := parser.Next(input, 1<<20)
		if ok {
			got = string(message.Payload)
		}
		if violation != nil || !ok || got != want {
			t.Errorf("frame of %d bytes: got %d bytes, whole %v, violation %v, want it as it was", size, len(got), ok, violation)
		}
	}
}
