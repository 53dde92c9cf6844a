package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// notifySocket stands for systemd's: it takes messages of sd_notify(3).
type notifySocket struct {
	name     string
	messages chan string
}

func newNotifySocket(t *testing.T, name string) *notifySocket {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	s := &notifySocket{name: name, messages: make(chan string, 10_000)}
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := conn.Read(buffer)
			if err != nil {
				return
			}
			s.messages <- string(buffer[:n])
		}
	}()
	return s
}

// await returns the next message that matches.
func (s *notifySocket) await(t *testing.T, pattern string) string {
	t.Helper()
	wanted := regexp.MustCompile("(?s)" + pattern)
	for deadline := time.After(patience); ; {
		select {
		case message := <-s.messages:
			if wanted.MatchString(message) {
				return message
			}
		case <-deadline:
			t.Fatalf("got no message to the service manager that matches %q, want one", pattern)
		}
	}
}

// TestServiceManagerHearsWhatTheHubDoes goes through the life of a unit of Type=notify-reload.
func TestServiceManagerHearsWhatTheHubDoes(t *testing.T) {
	t.Parallel()
	for name, socket := range map[string]string{
		"a socket with a file": filepath.Join(t.TempDir(), "notify"),
		"an abstract socket":   fmt.Sprintf("@spokehub-test-%d", os.Getpid()),
	} {
		t.Run(name, func(t *testing.T) {
			systemd := newNotifySocket(t, socket)
			hub := startHub(t, []string{"NOTIFY_SOCKET=" + socket, "WATCHDOG_USEC=300000"}, "--drain-period=1h", "--drain-timeout=2h")
			systemd.await(t, `^READY=1\nSTATUS=serving 0 connections`)
			connect(t, hub.websocket).subscribe(t, "news")
			systemd.await(t, `^WATCHDOG=1\nSTATUS=serving 1 connections, 1 topics\n`)
			hub.signal(t, syscall.SIGHUP)
			systemd.await(t, `^RELOADING=1\nMONOTONIC_USEC=[1-9]\d{6,}\n`)
			systemd.await(t, `^READY=1\n`)
			hub.signal(t, syscall.SIGTERM)
			systemd.await(t, `^STOPPING=1\nEXTEND_TIMEOUT_USEC=\d+\n`)
			systemd.await(t, `^EXTEND_TIMEOUT_USEC=\d+\nSTATUS=draining, 1 connections left\n`)
			systemd.await(t, `^WATCHDOG=1\n`)
		})
	}
}

// TestServiceManagerThatDoesNotReadKeepsNobodyFromStopping has a manager that is stopped itself: its socket is full.
func TestServiceManagerThatDoesNotReadKeepsNobodyFromStopping(t *testing.T) {
	t.Parallel()
	address := &net.UnixAddr{Name: filepath.Join(t.TempDir(), "notify"), Net: "unixgram"}
	manager, err := net.ListenUnixgram("unixgram", address)
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	hub := startHub(t, []string{"NOTIFY_SOCKET=" + address.Name})
	other, err := net.DialUnix("unixgram", nil, address)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for err == nil {
		_ = other.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		_, err = other.Write([]byte("full"))
	}
	hub.signal(t, syscall.SIGHUP)
	hub.terminate(t)
}

// activate runs a hub with sockets that the test has opened, as systemd does, and passes them under these names.
func activate(t *testing.T, sockets []*os.File, names string, arguments ...string) *process {
	t.Helper()
	foreign(t)
	return startHubCommand(t, activated(sockets, names, arguments...))
}

func activated(sockets []*os.File, names string, arguments ...string) *exec.Cmd {
	words := append([]string{"-c", `LISTEN_PID=$$ exec "$0" "$@"`, binary, "serve", "--log-format=json"}, arguments...)
	command := exec.Command("sh", words...)
	command.Env = environment([]string{fmt.Sprintf("LISTEN_FDS=%d", len(sockets)), "LISTEN_FDNAMES=" + names})
	command.ExtraFiles = sockets
	return command
}

// openSocket opens a socket that stays with the test.
func openSocket(t *testing.T, network, address string) (*os.File, net.Addr) {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	if unix, is := l.(*net.UnixListener); is {
		unix.SetUnlinkOnClose(false)
	}
	defer l.Close()
	file, err := l.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file, l.Addr()
}

func TestHubTakesTheSocketsThatSystemdPasses(t *testing.T) {
	t.Parallel()
	first, firstAddress := openSocket(t, "tcp", "127.0.0.1:0")
	second, secondAddress := openSocket(t, "tcp", "127.0.0.1:0")
	path := filepath.Join(t.TempDir(), "hub.sock")
	third, _ := openSocket(t, "unix", path)
	hub := activate(t, []*os.File{first, second, third}, "clients:clients:proxy", "--admin=127.0.0.1:0", "--listen=systemd:proxy,proxy-protocol", "--listen=systemd:clients")
	want := fmt.Sprint([]any{"unix:" + path, firstAddress.String(), secondAddress.String()})
	if got := fmt.Sprint(hub.start["listen"]); got != want {
		t.Errorf("got the addresses %v, want %v", got, want)
	}
	client := connect(t, "ws://"+secondAddress.String()+"/ws")
	client.subscribe(t, "news")
	client.conn.CloseNow()
	request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, hub.page+"readyz", nil)
	request.Host = "rebound.example"
	if status, _, _ := fetch(t, request); status != http.StatusOK {
		t.Errorf("got status %d for a health check under another name, want 200", status)
	}
	request.URL.Path = "/"
	if status, _, _ := fetch(t, request); status != http.StatusMisdirectedRequest {
		t.Errorf("got status %d under another name, want 421 because the sockets are on loopback", status)
	}
	hub.terminate(t)
	if _, err := os.Stat(path); err != nil {
		t.Errorf("got %v for the file of the socket after the end, want it where it is: the socket is systemd's", err)
	}
}

func TestSocketsThatNobodyWantsOrPasses(t *testing.T) {
	t.Parallel()
	foreign(t)
	socket, _ := openSocket(t, "tcp", "127.0.0.1:0")
	datagrams, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer datagrams.Close()
	other, err := datagrams.(*net.UDPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for name, c := range map[string]struct {
		sockets   []*os.File
		names     string
		arguments []string
		says      string
	}{
		"none":              {nil, "", []string{"--listen=systemd:hub"}, "no socket of that name, and no other"},
		"of another name":   {[]*os.File{socket}, "web", []string{"--listen=systemd:hub"}, "but web"},
		"without a name":    {[]*os.File{socket}, "", []string{"--listen=systemd:hub"}, "but unknown"},
		"that nobody wants": {[]*os.File{socket}, "web", []string{"--listen=127.0.0.1:0"}, "add --listen systemd:web"},
		"of datagrams":      {[]*os.File{other}, "hub", []string{"--listen=systemd:hub"}, "ListenStream="},
	} {
		t.Run(name, func(t *testing.T) {
			output, err := activated(c.sockets, c.names, append(c.arguments, "--admin=")...).CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != exitUsage || !strings.Contains(string(output), c.says) {
				t.Errorf("got %v and %q, want exit code 2 and %q", err, output, c.says)
			}
		})
	}
}

// TestRestartUnderSocketActivationRefusesNobody: while hubs come and go, everybody who connects is answered: by the hub, or by 503 with a hint if
// it was about to end. No connection is refused or reset.
func TestRestartUnderSocketActivationRefusesNobody(t *testing.T) {
	t.Parallel()
	for name, network := range map[string][2]string{
		"TCP":           {"tcp", "127.0.0.1:0"},
		"a Unix socket": {"unix", filepath.Join(t.TempDir(), "hub.sock")},
	} {
		t.Run(name, func(t *testing.T) {
			socket, address := openSocket(t, network[0], network[1])
			hub := activate(t, []*os.File{socket}, "hub", "--admin=", "--listen=systemd:hub")
			var connected, turnedAway atomic.Int64
			done, ended := make(chan struct{}), sync.WaitGroup{}
			for range 4 {
				ended.Go(func() {
					for !isDone(done) {
						response, err := visitOnce(t.Context(), address)
						switch {
						case err == nil:
							connected.Add(1)
						case response != nil && response.StatusCode == http.StatusServiceUnavailable:
							turnedAway.Add(1)
						default:
							t.Errorf("got %v from somebody who connects, want a connection or 503", err)
							return
						}
					}
				})
			}
			for range 3 {
				awaitMore(t, &connected)
				hub.terminate(t)
				hub = activate(t, []*os.File{socket}, "hub", "--admin=", "--listen=systemd:hub")
				awaitMore(t, &connected)
			}
			close(done)
			ended.Wait()
			t.Logf("%d connected, %d were told to come again", connected.Load(), turnedAway.Load())
		})
	}
}

// visitOnce connects to an address, shakes hands and leaves.
func visitOnce(ctx context.Context, address net.Addr) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, address.Network(), address.String())
	}
	web := &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	conn, response, err := websocket.Dial(ctx, "ws://127.0.0.1/ws", &websocket.DialOptions{HTTPClient: web})
	if err == nil {
		conn.CloseNow()
	}
	return response, err
}

func isDone(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// awaitMore waits until a count has grown by ten.
func awaitMore(t *testing.T, count *atomic.Int64) {
	t.Helper()
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for want, deadline := count.Load()+10, time.Now().Add(patience); count.Load() < want; <-again.C {
		if time.Now().After(deadline) {
			t.Fatalf("got %d connections, want %d", count.Load(), want)
		}
	}
}
