package wsframe

import (
	"slices"
	"strings"
	"testing"
)

func checkNoAllocs(t *testing.T, run func()) {
	t.Helper()
	if got := testing.AllocsPerRun(200, run); got != 0 {
		t.Errorf("got %v allocations, want none", got)
	}
}

func TestWholeFramesAllocateNothing(t *testing.T) {
	for _, payload := range []string{"", "Hello", strings.Repeat("x", 1000), strings.Repeat("世", 1000), strings.Repeat("x", 70000)} {
		for _, first := range []byte{fin | 1, fin | 2, fin | 9} {
			if first == fin|9 && len(payload) > MaxControl {
				continue
			}
			frame := clientFrame(first, payload)
			input := make([]byte, len(frame))
			var p Parser
			checkNoAllocs(t, func() {
				copy(input, frame)
				if _, _, ok, _ := p.Next(input, testMax); !ok {
					t.Fatal("no message")
				}
			})
		}
	}
}

// TestFragmentsGrowTheBufferByDoubling counts buffers: a buffer that grows by no more than each fragment needs would be
// 16,384 of them.
func TestFragmentsGrowTheBufferByDoubling(t *testing.T) {
	for name, between := range map[string][]byte{"alone": nil, "with pings between them": clientFrame(fin|9, strings.Repeat("p", MaxControl))} {
		t.Run(name, func(t *testing.T) {
			more := slices.Concat(clientFrame(0, strings.Repeat("x", testMax>>14)), between)
			message := slices.Concat(clientFrame(2, ""), slices.Repeat(more, 1<<14), clientFrame(fin|0, ""))
			input := make([]byte, len(message))
			var p Parser
			const most = 64
			if got := testing.AllocsPerRun(1, func() {
				copy(input, message)
				length := 0
				for rest := input; len(rest) > 0; {
					m, n, _, violation := p.Next(rest, testMax)
					if violation != nil {
						t.Fatal(violation)
					}
					rest, length = rest[n:], len(m.Payload)
				}
				if length != testMax {
					t.Fatalf("got a message of %d bytes, want %d", length, testMax)
				}
			}); got > most {
				t.Errorf("got %v allocations, want at most %d", got, most)
			}
		})
	}
}

func TestViolationsAllocateNothing(t *testing.T) {
	for _, c := range frameCases() {
		if c.want.violation == nil || len(c.input) > 300 || len(c.want.messages) > 0 || strings.Contains(c.name, "fragment") || strings.Contains(c.name, "unfinished") {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			input := make([]byte, len(c.input))
			var p Parser
			checkNoAllocs(t, func() {
				copy(input, c.input)
				if _, _, _, violation := p.Next(input, c.max()); violation == nil {
					t.Fatal("no violation")
				}
				p.Release()
			})
		})
	}
}

func TestServerFramesAllocateNothingInRoomEnough(t *testing.T) {
	dst := make([]byte, 0, 70100)
	payload := slices.Repeat([]byte{'x'}, 70000)
	checkNoAllocs(t, func() {
		dst = AppendFrame(dst[:0], Text, payload)
		dst = AppendFrame(dst[:0], Pong, payload[:10])
		dst = AppendClose(dst[:0], CodeTryLater, `{"retry_after_ms":1500}`)
	})
}

func TestHandshakeAllocatesNothingInRoomEnough(t *testing.T) {
	policy := compile(t, PolicyConfig{Path: "/ws", Subprotocols: []string{"v1.spoke"}, Hosts: []string{"other.net", "*.example.com"}})
	input := head(with("Origin: https://hub.example.com", "Sec-WebSocket-Protocol: v0, v1.spoke"))
	dst := make([]byte, 0, 512)
	checkNoAllocs(t, func() {
		_, end, _ := policy.FindHead(input, 0)
		request, _ := ParseRequest(input[:end])
		if _, subprotocol, refusal := policy.Upgrade(&request, dst); refusal != nil || subprotocol != "v1.spoke" {
			t.Fatal(refusal)
		}
	})
}

func TestRefusalsAllocateNothingInRoomEnough(t *testing.T) {
	dst := make([]byte, 0, 512)
	policy := compile(t, PolicyConfig{})
	for _, lines := range [][]string{without("Upgrade"), without("Host"), with("X A: b"), with("Origin: https://evil.net")} {
		input := head(lines)
		checkNoAllocs(t, func() {
			request, refusal := ParseRequest(input)
			if refusal == nil {
				_, _, refusal = policy.Upgrade(&request, dst)
			}
			refusal.AppendResponse(dst, noon)
		})
	}
}
