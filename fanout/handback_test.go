package fanout_test

import (
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

func TestPromise2ANewOwnersDeadlineSparesTheQueue(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"tcp", "pipe"} {
		t.Run(network, func(t *testing.T) {
			h := newTestHub(t, fanout.Config{QueueLimit: 64 << 20})
			here, there := pair(t, network)
			c := newClient(t, here)
			spoke, err := h.hub.AddConnection(there)
			if err != nil {
				t.Fatal(err)
			}
			c.subscribe("bulk")
			payload := jsonOf(strings.Repeat("x", 256<<10))
			const events = 40
			for i := range events {
				h.hub.DispatchEvent(event.Event{Type: "bulk", ID: strconv.Itoa(i), Payload: []byte(payload)})
			}
			live, err := h.hub.RemoveConnection(spoke.Conn())
			if err != nil {
				t.Fatal(err)
			}
			_ = live.SetWriteDeadline(time.Now())
			if _, err := live.Write(clientFrame(fin|opText, "early")); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("got %v, want a timeout", err)
			}
			_ = live.SetWriteDeadline(time.Time{})
			wrote := make(chan error, 1)
			go func() {
				_, err := live.Write(clientFrame(fin|opText, "mine"))
				live.Close()
				wrote <- err
			}()
			for i := range events {
				f, err := c.next()
				if err != nil || f.payload != envelope("bulk", strconv.Itoa(i), payload) {
					t.Errorf("queued frame %d: got %d bytes and %v, want it whole", i, len(f.payload), err)
					break
				}
			}
			go io.Copy(io.Discard, c.in)
			if err := receive(t, wrote, "the end of the new owner's write"); err != nil {
				t.Errorf("got %v, want what the new owner writes behind the queue", err)
			}
		})
	}
}

func TestPromise2ARawConnectionAddedAgainCanBeRemoved(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine})
		c, spoke := h.join()
		raw := spoke.Conn()
		if _, err := h.hub.RemoveConnection(raw); err != nil {
			t.Fatal(err)
		}
		if _, err := h.hub.AddConnection(raw); err != nil {
			t.Fatal(err)
		}
		c.subscribe("t")
		live, err := h.hub.RemoveConnection(raw)
		if err != nil {
			t.Fatal(err)
		}
		live.Close()
	})
}

func TestAddConnectionRefusesWhatTheHubHasAlready(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine})
		c, spoke := h.join()
		if _, err := h.hub.AddConnection(spoke.Conn()); !errors.Is(err, fanout.ErrOwned) {
			t.Errorf("got %v, want ErrOwned", err)
		}
		c.sync()
	})
}

// noDeadlines is a connection such as a channel of SSH, which knows no deadlines.
type noDeadlines struct{ net.Conn }

var errNoDeadline = errors.New("deadline not supported")

func (noDeadlines) SetDeadline(time.Time) error      { return errNoDeadline }
func (noDeadlines) SetReadDeadline(time.Time) error  { return errNoDeadline }
func (noDeadlines) SetWriteDeadline(time.Time) error { return errNoDeadline }

func TestPromise2RemoveConnectionDoesNotWaitForAPeerThatKnowsNoDeadlines(t *testing.T) {
	h := newTestHub(t, fanout.Config{})
	here, there := net.Pipe()
	c := newClient(t, here)
	conn := noDeadlines{there}
	if _, err := h.hub.AddConnection(conn); err != nil {
		t.Fatal(err)
	}
	c.sync()
	removed := make(chan net.Conn, 1)
	go func() {
		live, err := h.hub.RemoveConnection(conn)
		if err != nil {
			t.Error(err)
		}
		removed <- live
	}()
	live := receive(t, removed, "the removed connection")
	go c.conn.Write([]byte("hello"))
	got := make([]byte, 5)
	if _, err := io.ReadFull(live, got); err != nil || string(got) != "hello" {
		t.Errorf("got %q and %v, want what the peer says to the new owner", got, err)
	}
	live.Close()
}

func TestShutdownCutsOffAConnectionWithoutDeadlines(t *testing.T) {
	h := newTestHub(t, fanout.Config{})
	here, there := net.Pipe()
	defer here.Close()
	s, err := h.hub.AddConnection(noDeadlines{there})
	if err != nil {
		t.Fatal(err)
	}
	s.DispatchEvent(event.Event{Type: "a"})
	until(t, "a write is under way", func() bool { return h.hub.Stats().BytesOut > 0 })
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		h.cut()
	}()
	receive(t, ended, "the end of Shutdown")
}

func TestASpokeOnAUnixSocketKnowsItsPeer(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine})
		directory := t.TempDir()
		l, err := net.Listen("unix", directory+"/s")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		here, err := net.DialUnix("unix", &net.UnixAddr{Name: directory + "/c", Net: "unix"}, &net.UnixAddr{Name: directory + "/s", Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		newClient(t, here)
		there, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		want := there.RemoteAddr().String()
		s, err := h.hub.AddConnection(there)
		if err != nil {
			t.Fatal(err)
		}
		expect(t, "network", s.RemoteAddr().Network(), "unix")
		expect(t, "address", s.RemoteAddr().String(), want)
	})
}

func TestAConnectionOfTLSThatWasGivenBackCanBeRemovedAgain(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newSecureHub(t, fanout.Config{Engine: engine}, nil, fanout.ListenerOptions{})
		c := h.dial().handshake()
		live, err := h.hub.RemoveConnection(receive(t, h.connected, "OnConnection").Conn())
		for range 2 {
			if err != nil {
				t.Fatal(err)
			}
			if _, err := h.hub.AddConnection(live); err != nil {
				t.Fatal(err)
			}
			c.sync()
			live, err = h.hub.RemoveConnection(live)
		}
		if err != nil {
			t.Fatal(err)
		}
		live.Close()
	})
}
