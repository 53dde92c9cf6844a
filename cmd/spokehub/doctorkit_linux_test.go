package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spokehub/spokehub/internal/doctor"
)

// trunk is many connections to a hub, without a goroutine or a buffer for each.
type trunk struct {
	port        int
	descriptors []int
}

// trunkTo prepares connections to a hub on 127.0.0.1.
func trunkTo(t *testing.T, hub *process) *trunk {
	t.Helper()
	address, err := url.Parse(hub.websocket)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(address.Port())
	if err != nil {
		t.Fatal(err)
	}
	l := &trunk{port: port}
	t.Cleanup(l.hangUp)
	return l
}

func (l *trunk) hangUp() {
	for _, fd := range l.descriptors {
		unix.Close(fd)
	}
	l.descriptors = nil
}

// connect opens a connection from an address, 127.0.0.1 if it is nil, and waits for patience seconds at most.
func (l *trunk) connect(from *[4]byte, patience int64) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	for _, option := range []int{unix.SO_RCVTIMEO, unix.SO_SNDTIMEO} {
		if err == nil {
			err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, option, &unix.Timeval{Sec: patience})
		}
	}
	if err == nil && from != nil {
		err = errors.Join(unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1), unix.Bind(fd, &unix.SockaddrInet4{Addr: *from}))
	}
	if err == nil {
		err = unix.Connect(fd, &unix.SockaddrInet4{Port: l.port, Addr: [4]byte{127, 0, 0, 1}})
	}
	if err == unix.EINTR {
		err = l.awaitConnect(fd, patience)
	}
	if err != nil {
		unix.Close(fd)
		return 0, err
	}
	l.descriptors = append(l.descriptors, fd)
	return fd, nil
}

// awaitConnect waits for a connect that a signal has interrupted.
func (l *trunk) awaitConnect(fd int, patience int64) error {
	watched := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	for {
		n, err := unix.Poll(watched, int(patience)*1000)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return err
		case n == 0:
			return unix.ETIMEDOUT
		default:
			failure, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
			if err == nil && failure != 0 {
				err = unix.Errno(failure)
			}
			return err
		}
	}
}

const (
	lineRequest = "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
	lineTopic = `{"type":"__subscribe","id":"1","payload":{"topic":"price"}}`
)

// subscribe opens a spoke and subscribes it. It reports false once the hub takes no more, or is gone.
func (l *trunk) subscribe(t *testing.T) bool {
	t.Helper()
	const eachAddress = 20000
	fd, err := l.connect(&[4]byte{127, 0, 1, byte(len(l.descriptors) / eachAddress)}, int64(patience.Seconds()))
	if err == nil {
		err = l.exchange(fd, []byte(lineRequest), "HTTP/1.1 101")
	}
	if err == nil {
		err = l.exchange(fd, frameOf(lineTopic), "__ack")
	}
	if err != nil {
		t.Logf("spoke %d ended with: %v", len(l.descriptors), err)
	}
	return err == nil
}

// frameOf is a short text message, masked by zeros.
func frameOf(text string) []byte {
	return append([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...)
}

func (l *trunk) exchange(fd int, request []byte, want string) error {
	if _, err := unix.Write(fd, request); err != nil {
		return err
	}
	answer := make([]byte, 1024)
	n, err := unix.Read(fd, answer)
	for err == unix.EINTR {
		n, err = unix.Read(fd, answer)
	}
	if err != nil {
		return err
	}
	if answer = answer[:n]; !bytes.Contains(answer, []byte(want)) {
		return errors.New("the answer is " + string(answer))
	}
	return nil
}

// stopWithin opens a spoke that sends a message of so many bytes, but for the last one.
func (l *trunk) stopWithin(t *testing.T, length int) {
	t.Helper()
	fd, err := l.connect(nil, int64(patience.Seconds()))
	if err == nil {
		err = l.exchange(fd, []byte(lineRequest), "HTTP/1.1 101")
	}
	if err != nil {
		t.Fatal(err)
	}
	message := messageHead(length)
	for message = append(message, make([]byte, length-1)...); len(message) > 0; {
		n, err := unix.Write(fd, message)
		if err != nil && err != unix.EINTR {
			t.Logf("the hub takes no more of spoke %d: %v", len(l.descriptors), err)
			return
		}
		message = message[max(n, 0):]
	}
}

// messageHead is the head of a long message, masked by zeros.
func messageHead(length int) []byte {
	return []byte{0x82, 0xff, 0, 0, 0, 0, byte(length >> 24), byte(length >> 16), byte(length >> 8), byte(length), 0, 0, 0, 0}
}

// closed is how many spokes the hub has closed or sent a close frame.
func (l *trunk) closed(t *testing.T) (closed int) {
	t.Helper()
	var answer [1]byte
	for _, fd := range l.descriptors {
		if _, _, err := unix.Recvfrom(fd, answer[:], unix.MSG_PEEK|unix.MSG_DONTWAIT); err != unix.EAGAIN {
			closed++
		}
	}
	return closed
}

// untilFull opens spokes until the hub takes no more, and returns how many it took. most is where it gives up. It lets the hub collect the garbage
// of handshakes, which would count as memory of spokes.
func (l *trunk) untilFull(t *testing.T, most int) (taken uint64) {
	t.Helper()
	pause := time.NewTicker(10 * time.Millisecond)
	defer pause.Stop()
	for l.subscribe(t) {
		if taken%40 == 0 {
			<-pause.C
		}
		if taken++; taken == uint64(most) {
			t.Fatalf("got %d spokes and no end of it", taken)
		}
	}
	return taken
}

// foretell runs spokehub doctor --json by way of a program.
func foretell(t *testing.T, program []string, environ []string, arguments ...string) doctor.Report {
	t.Helper()
	foreign(t)
	words := slices.Concat(program, []string{binary, "doctor", "--json"}, arguments)
	command := exec.CommandContext(t.Context(), words[0], words[1:]...)
	command.Env = environment(environ)
	var failure bytes.Buffer
	command.Stderr = &failure
	text, err := command.Output()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != exitFailure) {
		t.Fatalf("run %v: %v: %s", words, err, &failure)
	}
	var report doctor.Report
	if err := json.Unmarshal(text, &report); err != nil {
		t.Fatalf("read %s: %v: %s", text, err, &failure)
	}
	if report.Enough == (err != nil) {
		t.Errorf("got exit code %d with %d of %d spokes, want 1 if they are too few, else 0", command.ProcessState.ExitCode(), report.Spokes, report.Wanted)
	}
	return report
}

// note is what a report says of a limit on something else.
func note(t *testing.T, r doctor.Report, name string) doctor.Note {
	t.Helper()
	i := slices.IndexFunc(r.Notes, func(n doctor.Note) bool { return n.Name == name })
	if i < 0 {
		t.Fatalf("got no note on %s in %+v", name, r.Notes)
	}
	return r.Notes[i]
}

// wantNear wants a number to be within a twentieth of what was foretold.
func wantNear(t *testing.T, what string, got, foretold uint64) {
	t.Helper()
	t.Logf("%s: got %d, foretold %d", what, got, foretold)
	if 20*max(got, foretold) > 21*min(got, foretold) {
		t.Errorf("%s: got %d, want the %d that were foretold, or a twentieth more or less", what, got, foretold)
	}
}

// limitedFiles runs a program with a limit on descriptors.
func limitedFiles(n string) []string {
	return []string{"sh", "-c", `ulimit -n "$0" && exec "$@"`, n}
}

// inCgroup runs a program in a cgroup.
func inCgroup(directory string) []string {
	return []string{"sh", "-c", `echo $$ > "$0/cgroup.procs" && exec "$@"`, directory}
}

// memoryCgroup makes a cgroup whose memory is limited to so many bytes, and one below it without a limit. It skips the test where that may not be.
func memoryCgroup(t *testing.T, bytes int) (limited, below string) {
	t.Helper()
	root, file := "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
	if _, err := os.Stat(root); err != nil {
		root, file = "/sys/fs/cgroup", "memory.max"
	}
	limited, err := os.MkdirTemp(root, "spokehub-test-")
	if err != nil {
		unavailable(t, "no cgroup can be made: %v", err)
	}
	below = limited + "/below"
	t.Cleanup(func() {
		unix.Rmdir(below)
		if err := unix.Rmdir(limited); err != nil {
			t.Errorf("remove %s: %v", limited, err)
		}
	})
	if err := os.WriteFile(limited+"/"+file, []byte(strconv.Itoa(bytes)), 0o644); err != nil {
		unavailable(t, "a cgroup can't be limited: %v", err)
	}
	if file == "memory.max" {
		if err := os.WriteFile(limited+"/memory.swap.max", []byte("0"), 0o644); err != nil && !errors.Is(err, os.ErrNotExist) {
			unavailable(t, "a cgroup can't be kept from swapping: %v", err)
		}
		if err := os.WriteFile(limited+"/cgroup.subtree_control", []byte("+memory"), 0o644); err != nil {
			unavailable(t, "a cgroup can't limit those below it: %v", err)
		}
	}
	if err := os.Mkdir(below, 0o755); err != nil {
		t.Fatal(err)
	}
	return limited, below
}

// waitFor waits until a condition holds.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(patience); !holds(); <-again.C {
		if time.Now().After(deadline) {
			t.Fatalf("got no end of waiting, want that %s", what)
		}
	}
}
