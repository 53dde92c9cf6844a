package wsframe

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/gobwas/ws"
)

func TestServerFramesAreThoseOfGobwas(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 127, 65535, 65536, 65537} {
		for _, op := range []Opcode{Text, Binary, Ping, Pong, CloseOp} {
			t.Run(fmt.Sprintf("op=%d/bytes=%d", op, n), func(t *testing.T) {
				payload := bytes.Repeat([]byte{'x'}, n)
				want, err := ws.CompileFrame(ws.NewFrame(ws.OpCode(op), true, payload))
				if err != nil {
					t.Fatal(err)
				}
				if got := AppendFrame([]byte("kept"), op, payload); !bytes.Equal(got, append([]byte("kept"), want...)) {
					t.Errorf("got % x, want % x", got[:14], want[:10])
				}
				header := AppendHeader(nil, op, n)
				if got, want := len(header), len(want)-n; got != want || HeaderLen(n) != want || want > MaxHeader {
					t.Errorf("header: got %d and %d, want %d", got, HeaderLen(n), want)
				}
			})
		}
	}
}

func TestIsControl(t *testing.T) {
	controls := []Opcode{CloseOp, Ping, Pong}
	for _, op := range []Opcode{Continuation, Text, Binary, CloseOp, Ping, Pong} {
		if got, want := op.IsControl(), slices.Contains(controls, op); got != want {
			t.Errorf("opcode %d: got %v, want %v", op, got, want)
		}
	}
}

func TestUnmaskAgreesWithItsNaiveTwin(t *testing.T) {
	mask := [4]byte{0x81, 0x42, 0xF3, 0x24}
	for n := range shortPayload + 100 {
		for align := range 8 {
			clear := bytes.Repeat([]byte("spoke"), n/5+1)[:n]
			if n%3 == 1 {
				clear[n/2] = 0xC3
			}
			storage := make([]byte, align+n+8)
			masked := storage[align : align+n]
			for i := range masked {
				masked[i] = clear[i] ^ mask[i%4]
			}
			ascii := unmask(masked, mask)
			if !bytes.Equal(masked, clear) {
				t.Fatalf("length %d at %d: got %q, want %q", n, align, masked, clear)
			}
			isASCII := !bytes.Contains(clear, []byte{0xC3})
			if ascii && !isASCII || n <= shortPayload && isASCII && !ascii {
				t.Fatalf("length %d at %d: got ASCII %v, want %v", n, align, ascii, isASCII)
			}
			if tail := storage[align+n:]; !bytes.Equal(tail, make([]byte, 8)) {
				t.Fatalf("length %d at %d: wrote behind the end: %x", n, align, tail)
			}
		}
	}
}

func TestUnmaskFindsEachByteBeyondASCII(t *testing.T) {
	for n := 1; n < 100; n++ {
		for at := range n {
			payload := bytes.Repeat([]byte{'a'}, n)
			payload[at] = 0x80
			if unmask(payload, [4]byte{}) {
				t.Fatalf("length %d: byte %d not found", n, at)
			}
		}
	}
}
