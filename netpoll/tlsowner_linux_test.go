package netpoll

import (
	"crypto/tls"
	"io"
	"net"
	"testing"
)

// givenBack makes a connection of TLS that was released once and is the reactor's again, what its former owner still has of it, and its
// client.
func givenBack(t *testing.T, r *Reactor) (slot uint32, former net.Conn, client *tls.Conn) {
	t.Helper()
	n, client := stillSecured(t, r, &tls.Config{})
	r.runTasks()
	former, err := r.Release(n, nil).Conn()
	if err != nil {
		t.Fatal(err)
	}
	n = takeOver(t, r, former, EngineEpoll)
	r.runTasks()
	return n, former, client
}

func TestAFormerOwnerOfTLSDisturbsNoOtherConnection(t *testing.T) {
	for name, disturb := range map[string]func(net.Conn){
		"closes": func(c net.Conn) { _ = c.Close() },
		"writes": func(c net.Conn) { _, _ = c.Write([]byte("astray")) },
		"reads":  func(c net.Conn) { _, _ = c.Read(make([]byte, 64)) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newRecorder()
			r, _ := still(t, Config{Handler: h})
			given, former, _ := givenBack(t, r)
			n, client := stillSecured(t, r, &tls.Config{})
			r.runTasks()
			disturbed := make(chan struct{})
			go func() {
				defer close(disturbed)
				disturb(former)
			}()
			send := func() { r.sender.Send(n, NewFrame([]byte("a frame"), true)); r.flush() }
			send()
			<-disturbed
			send()
			got := make([]byte, 2*len("a frame"))
			if _, err := io.ReadFull(client, got); err != nil || string(got) != "a framea frame" {
				t.Errorf("got %q and %v, want what was sent to this client alone", got, err)
			}
			r.Close(given, DropClosed)
			r.Close(n, DropClosed)
			r.closeRetired()
		})
	}
}

func TestAFormerOwnerThatClosesEndsTheConnection(t *testing.T) {
	h := newRecorder()
	r, _ := still(t, Config{Handler: h})
	n, former, _ := givenBack(t, r)
	_ = former.Close()
	r.sender.Send(n, NewFrame([]byte("a frame"), true))
	r.flush()
	r.passOnNotices()
	if got := h.count("hangup"); got != 1 {
		t.Errorf("got %q, want a hangup", h.list())
	}
	r.Close(n, DropClosed)
	r.closeRetired()
}

func TestWhatTheReactorHasOfTLSIsNotTakenApart(t *testing.T) {
	r, _ := still(t, Config{Handler: newRecorder()})
	n, former, _ := givenBack(t, r)
	if _, _, ok := DetachTLS(former); ok || !IsReattached(former) {
		t.Error("got a connection that the reactor has, want it to stay there")
	}
	r.Close(n, DropClosed)
	r.closeRetired()
}
