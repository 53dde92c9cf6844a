package fanout_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// slowRuns is how often each cause is induced, and slowWrong how many runs may be labelled otherwise.
func slowRuns() (runs, wrong int) {
	if os.Getenv("CI") == "true" {
		return 20, 1
	}
	return 3, 0
}

// eachSlow induces a cause again and again and compares what spokes are closed for.
func eachSlow(t *testing.T, want fanout.SlowCause, induce func(t *testing.T) fanout.Backpressure) {
	t.Helper()
	runs, wrong := slowRuns()
	var others []string
	for range runs {
		why := induce(t).Why
		if why.Cause != want {
			others = append(others, fmt.Sprintf("%v: %v", why.Cause, why.LogValue()))
		}
	}
	t.Logf("%d of %d runs were labelled %v", runs-len(others), runs, want)
	if len(others) > wrong {
		t.Errorf("got %d of %d runs labelled otherwise, want %d at most: %s", len(others), runs, wrong, strings.Join(others, "; "))
	}
}

// pour dispatches events of a topic, some 4 MB a second, until the spoke is closed for it.
func pour(t *testing.T, h *testHub, told <-chan fanout.Backpressure) fanout.Backpressure {
	t.Helper()
	drop := event.Event{Type: "drop", ID: "1", Payload: []byte(`"` + strings.Repeat("x", 8<<10) + `"`)}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		h.hub.DispatchEvent(drop)
		select {
		case info := <-told:
			return info
		case <-time.After(2 * time.Millisecond):
		}
	}
	t.Fatal("got no spoke closed for what was dispatched, want one")
	return fanout.Backpressure{}
}

// drink reads all that a client is sent, for as long as its connection lives.
func drink(c *client) {
	room := make([]byte, 64<<10)
	for {
		if _, err := c.conn.Read(room); err != nil {
			return
		}
	}
}

func TestSlownessOfAReaderThatStopsReadingIsTheReaders(t *testing.T) {
	eachSlow(t, fanout.SlowReader, func(t *testing.T) fanout.Backpressure {
		h, told := overflowing(t, fanout.Config{})
		c, spoke := h.join()
		c.subscribe("drop:1", "drop")
		info := pour(t, h, told)
		st := h.hub.Stats()
		expect(t, "closed, by cause", st.SlowClosed[info.Why.Cause], 1)
		if st.SlowFilling[fanout.SlowReader]+st.SlowFilling[fanout.SlowUnknown]+st.SlowFilling[fanout.SlowNetwork] == 0 {
			t.Error("got no note of a queue over half of its limit, want one ahead of the end")
		}
		checkSlowness(t, info.Why)
		closed := h.hub.ClosedSlow()
		if len(closed) != 1 || closed[0].ID != spoke.ID() || closed[0].Why != info.Why || closed[0].Address != spoke.RemoteAddr().String() {
			t.Errorf("got %+v remembered, want the spoke %d", closed, spoke.ID())
		}
		expect(t, "lines with the cause", h.log.count("INFO", "cause="+info.Why.Cause.String()) > 0, true)
		h.cut()
		c.conn.Close()
		return info
	})
}

// checkSlowness checks what is measured and not judged.
func checkSlowness(t *testing.T, w *fanout.Slowness) {
	t.Helper()
	if len(w.Topics) != 1 || w.Topics[0].Topic != "drop:1" || w.Topics[0].Frames < 2 || w.Topics[0].Bytes < w.Limit/4 {
		t.Errorf("got the topics %+v, want drop:1 with most of %d bytes", w.Topics, w.Queued)
	}
	if len(w.Samples) < 2 || len(w.Samples) > 8 || w.Samples[0].Bytes >= w.Samples[len(w.Samples)-1].Bytes {
		t.Errorf("got the samples %+v, want several of a queue that grows", w.Samples)
	}
	if w.Path == nil || w.Path.SegmentSize == 0 {
		t.Errorf("got the path %+v, want what the kernel knows", w.Path)
	}
	if w.Frames < w.Looked || w.Looked < 2 || !w.IsClosed || w.Largest < 8<<10 || w.Largest > 9<<10 {
		t.Errorf("got %+v, want all frames looked at, about 8 KiB each", w)
	}
}

func TestSlownessOfALargeMessageIsThatOfTheMessage(t *testing.T) {
	eachSlow(t, fanout.SlowLargeMessage, func(t *testing.T) fanout.Backpressure {
		h, told := overflowing(t, fanout.Config{})
		c, _ := h.join()
		c.subscribe("large", "other")
		go drink(c)
		large := []byte(`"` + strings.Repeat("x", smallQueue*85/100) + `"`)
		var info fanout.Backpressure
		for closed := false; !closed; {
			h.hub.DispatchEvent(event.Event{Type: "large", Payload: large})
			h.hub.DispatchEvent(event.Event{Type: "other", Payload: large})
			select {
			case info = <-told:
				closed = true
			default:
			}
		}
		h.cut()
		return info
	})
}

func TestSlownessOfAPathThatIsPacedIsTheNetworks(t *testing.T) {
	eachSlow(t, fanout.SlowNetwork, func(t *testing.T) fanout.Backpressure {
		return overSlowPath(t, func(fd int) error {
			return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MAX_PACING_RATE, 128<<10)
		})
	})
}

// overSlowPath has a client read all that comes to it by a path that takes less than it is sent.
func overSlowPath(t *testing.T, tune func(fd int) error) fanout.Backpressure {
	t.Helper()
	h, told := overflowing(t, fanout.Config{})
	here, there := pair(t, "tcp")
	raw, err := there.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) { err = tune(int(fd)) }); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Skip("this system does not pace a connection:", err)
	}
	if _, err := h.hub.AddConnection(there); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, here)
	c.subscribe("drop")
	go drink(c)
	info := pour(t, h, told)
	h.cut()
	return info
}

// inSlowNetwork is set in the process that has a slow network of its own.
const inSlowNetwork = "SPOKEHUB_TEST_SLOW_NETWORK"

// TestSlownessOfASlowNetworkIsTheNetworks runs itself again in a network of its own, whose one interface passes a megabit a second.
func TestSlownessOfASlowNetworkIsTheNetworks(t *testing.T) {
	if os.Getenv(inSlowNetwork) != "" {
		eachSlow(t, fanout.SlowNetwork, func(t *testing.T) fanout.Backpressure {
			return overSlowPath(t, func(int) error { return nil })
		})
		return
	}
	const slow = "ip link set lo mtu 1500 up && tc qdisc add dev lo root tbf rate 1mbit burst 16k limit 60000"
	attributes := func() *syscall.SysProcAttr {
		return &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		}
	}
	probe := exec.Command("sh", "-c", slow)
	probe.SysProcAttr = attributes()
	if out, err := probe.CombinedOutput(); err != nil {
		t.Skipf("this system makes no slow network, the paced one has to do: %v: %s", err, out)
	}
	child := exec.Command("sh", "-c", slow+` && exec "$0" "$@"`, os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	child.SysProcAttr = attributes()
	child.Env = append(os.Environ(), inSlowNetwork+"=1")
	out, err := child.CombinedOutput()
	if err != nil {
		t.Fatalf("in the slow network: %v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "labelled") {
			t.Log(strings.TrimSpace(line))
		}
	}
}
