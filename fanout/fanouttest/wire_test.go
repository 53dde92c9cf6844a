package fanouttest

import (
	"net"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/spokehub/spokehub/wsframe"
)

func TestI1NothingIsReadAfterStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clientEnd, hubEnd := net.Pipe()
		w := startWire(clientEnd, newReceived())
		defer w.wait()
		defer w.cut()
		message := wsframe.AppendFrame(nil, wsframe.Text, []byte(`{"type":"a"}`))
		w.gate.stall()
		written := 0
		go func() {
			for _, b := range slices.Concat(message, message) {
				_, _ = hubEnd.Write([]byte{b})
				written++
				if written == 5 {
					w.gate.stall()
				}
			}
		}()
		synctest.Wait()
		if written != 0 {
			t.Errorf("got %d bytes read after stall, want none", written)
		}
		w.gate.resume()
		synctest.Wait()
		if written != 5 {
			t.Errorf("got %d bytes read before the second stall, want 5", written)
		}
		w.gate.resume()
		synctest.Wait()
		if got := len(w.received.left()); got != 2 {
			t.Errorf("got %d messages after two stalls, want 2", got)
		}
	})
}

func TestI1NothingIsQueuedBehindACloseFrame(t *testing.T) {
	clientEnd, _ := net.Pipe()
	w := startWire(clientEnd, newReceived())
	defer w.wait()
	defer w.cut()
	if !w.send(wsframe.CloseOp, nil) || w.send(wsframe.Text, nil) {
		t.Error("got a frame queued behind a close frame, want it dropped")
	}
}

func TestI2TheEndIsKnownWhenTheConnectionIsClosed(t *testing.T) {
	for name, c := range map[string]struct {
		frame []byte
		code  uint16
	}{
		"a close frame":                {wsframe.AppendClose(nil, 1001, "bye"), 1001},
		"a close frame without a code": {wsframe.AppendFrame(nil, wsframe.CloseOp, nil), codeNoCode},
		"a broken frame":               {[]byte("\x01\x00"), codeNoFrame},
		"an unknown opcode":            {wsframe.AppendFrame(nil, 3, nil), codeNoFrame},
		"a broken envelope":            {wsframe.AppendFrame(nil, wsframe.Text, []byte("{")), codeNoFrame},
		"an event against the rules":   {wsframe.AppendFrame(nil, wsframe.Text, []byte(`{"type":""}`)), codeNoFrame},
	} {
		t.Run(name, func(t *testing.T) {
			clientEnd, hubEnd := net.Pipe()
			w := startWire(clientEnd, newReceived())
			go func() {
				_, _ = hubEnd.Write(c.frame)
				buffer := make([]byte, 64)
				for err := error(nil); err == nil; {
					_, err = hubEnd.Read(buffer)
				}
			}()
			w.wait()
			if got := w.received.ending(); got.code != c.code {
				t.Errorf("got the end %v, want the code %d", got, c.code)
			}
			if _, err := clientEnd.Write(nil); err == nil {
				t.Error("got an open connection at the end, want it closed")
			}
		})
	}
}

func TestUnknownControlEventsAreIgnored(t *testing.T) {
	r := newReceived()
	if err := r.message([]byte(`{"type":"__later","id":"","payload":{}}`)); err != nil || len(r.left()) != 0 {
		t.Errorf("got %d events and the error %v, want neither", len(r.left()), err)
	}
}
