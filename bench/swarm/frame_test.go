package swarm

import (
	"bytes"
	"testing"

	"github.com/gorilla/websocket"
)

func TestParseFrameReadsWhatGorillaWrites(t *testing.T) {
	for name, c := range map[string]struct {
		op   int
		size int
	}{
		"an empty text":               {websocket.TextMessage, 0},
		"a short text":                {websocket.TextMessage, 125},
		"a text of sixteen bits":      {websocket.TextMessage, 126},
		"the longest of sixteen bits": {websocket.BinaryMessage, 65535},
		"a binary of sixty-four bits": {websocket.BinaryMessage, 65536},
		"a ping":                      {websocket.PingMessage, 4},
		"a close":                     {websocket.CloseMessage, 2},
	} {
		t.Run(name, func(t *testing.T) {
			payload := bytes.Repeat([]byte("a"), c.size)
			if c.op == websocket.CloseMessage {
				payload = websocket.FormatCloseMessage(websocket.CloseGoingAway, "")
			}
			server, conn := gorillaServer(t)
			if err := server.WriteMessage(c.op, payload); err != nil {
				t.Fatal(err)
			}
			wire := conn.written.Bytes()
			for cut := range min(len(wire), maxHeader) {
				if f, ok, err := parseFrame(wire[:cut]); err != nil || ok && cut < f.head {
					t.Fatalf("after %d bytes: got %+v, %v, %v, want no header before it is whole", cut, f, ok, err)
				}
			}
			f, ok, err := parseFrame(wire)
			if err != nil || !ok {
				t.Fatalf("got %v, %v, want a frame", ok, err)
			}
			if int(f.op) != c.op || !f.fin || f.head+f.size != len(wire) {
				t.Errorf("got %+v, want op %d over %d bytes", f, c.op, len(wire))
			}
			if got := wire[f.head:]; !bytes.Equal(got, payload) {
				t.Errorf("got payload %.20q, want %.20q", got, payload)
			}
		})
	}
}

func TestGorillaReadsWhatAppendFrameWrites(t *testing.T) {
	for name, size := range map[string]int{
		"nothing": 0, "one byte": 1, "short": 125, "of sixteen bits": 126, "just under a word": 135, "the longest of sixteen bits": 65535, "of sixty-four bits": 65536,
	} {
		t.Run(name, func(t *testing.T) {
			want := bytes.Repeat([]byte("spoke"), size/5+1)[:size]
			server, conn := gorillaServer(t)
			conn.unread.Reset(appendFrame(nil, opText, want))
			op, got, err := server.ReadMessage()
			if err != nil {
				t.Fatal(err)
			}
			if op != websocket.TextMessage || !bytes.Equal(got, want) {
				t.Errorf("got op %d and %.20q, want text and %.20q", op, got, want)
			}
		})
	}
}

var badFrames = map[string][]byte{
	"a mask":                       {0x81, 0x80, 1, 2, 3, 4},
	"a reserved bit":               {0xc1, 0x00},
	"an unknown op":                {0x83, 0x00},
	"a split control frame":        {0x09, 0x00},
	"a long control frame":         {0x89, 126, 0, 126},
	"sixteen bits without need":    {0x81, 126, 0, 125},
	"sixty-four bits without need": {0x81, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff},
	"a length beyond all measure":  {0x81, 127, 0x80, 0, 0, 0, 0, 0, 0, 0},
}

func TestParseFrameRefuses(t *testing.T) {
	for name, wire := range badFrames {
		t.Run(name, func(t *testing.T) {
			if f, ok, err := parseFrame(wire); err == nil {
				t.Errorf("got %+v, %v, want an error", f, ok)
			}
		})
	}
}

func FuzzParseFrame(f *testing.F) {
	for _, wire := range badFrames {
		f.Add(wire)
	}
	f.Add([]byte{0x81, 2, 'h', 'i'})
	f.Fuzz(func(t *testing.T, wire []byte) {
		whole, ok, err := parseFrame(wire)
		if err == nil && ok && (whole.head > len(wire) || whole.size < 0) {
			t.Errorf("got %+v from %d bytes, want a header that is there", whole, len(wire))
		}
		for cut := range wire {
			part, partOK, partErr := parseFrame(wire[:cut])
			if partOK && (part != whole || partErr != nil) {
				t.Errorf("got %+v from %d bytes, want %+v as from all", part, cut, whole)
			}
		}
	})
}
