package fanout_test

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

const exhaustionEngine = "SPOKEHUB_TEST_EXHAUSTION"

func TestExhaustedDescriptorsPauseAcceptingAndNothingElse(t *testing.T) {
	t.Parallel()
	eachEngineAtOnce(t, func(t *testing.T, engine fanout.Engine) {
		child := exec.Command(os.Args[0], "-test.run=^TestExhaustionInAProcessOfItsOwn$", "-test.v")
		child.Env = append(os.Environ(), exhaustionEngine+"="+engine.String())
		if out, err := child.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

func TestExhaustionInAProcessOfItsOwn(t *testing.T) {
	name := os.Getenv(exhaustionEngine)
	if name == "" {
		t.Skip("run by TestExhaustedDescriptorsPauseAcceptingAndNothingElse")
	}
	engine, err := fanout.ParseEngine(name)
	if err != nil {
		t.Fatal(err)
	}
	h := newTestHub(t, fanout.Config{Engine: engine, Reactors: 1, CloseTimeout: 10 * time.Second})
	address := h.serve()
	established := dial(t, "tcp", address).handshake().subscribe("t")
	spare := dial(t, "tcp", address).handshake()
	spare.sync()
	closing := dial(t, "tcp", address).handshake()
	closing.sync()
	leaveOneDescriptor(t)
	late := dial(t, "tcp", address)
	late.write([]byte(handshakeRequest))
	until(t, "accepting pauses", func() bool { return h.hub.Stats().AcceptPauses >= 2 })
	for range 100 {
		h.hub.DispatchEvent(event.Event{Type: "t"})
		established.wants(envelope("t", "", "null"))
		established.sync()
	}
	expect(t, "log lines", h.log.count("WARN", "accepting pauses"), 1)
	expect(t, "log lines with the remedy", h.log.count("WARN", "ulimit -n"), 1)
	expect(t, "disconnects", len(h.gone), 0)
	spare.conn.Close()
	late.accepted()
	late.subscribe("t")
	h.hub.DispatchEvent(event.Event{Type: "t"})
	late.wants(envelope("t", "", "null"))
	established.wants(envelope("t", "", "null"))

	for s := range h.hub.Spokes() {
		if s.RemoteAddr().String() == closing.conn.LocalAddr().String() {
			s.Close(1012, "")
		}
	}
	closing.closedWith(1012)
	dial(t, "tcp", address).handshake().sync()
	expect(t, "closing connections ended", h.hub.Stats().ClosingEvicted, 1)
	closing.reset()
	established.sync()
	late.sync()
}

// leaveOneDescriptor uses up all descriptors of the process but one.
func leaveOneDescriptor(t *testing.T) {
	t.Helper()
	limit := syscall.Rlimit{Cur: 200, Max: 200}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	var fillers []int
	t.Cleanup(func() {
		for _, fd := range fillers {
			syscall.Close(fd)
		}
	})
	for {
		fd, err := syscall.Open(os.DevNull, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		if err != nil {
			break
		}
		fillers = append(fillers, fd)
	}
	syscall.Close(fillers[len(fillers)-1])
	fillers = fillers[:len(fillers)-1]
}
