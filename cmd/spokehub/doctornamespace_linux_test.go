package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// netSettings are what the network of the test has, as files below /proc/sys/net.
var netSettings = map[string]string{
	"core/somaxconn":               "64",
	"ipv4/tcp_max_syn_backlog":     "128",
	"ipv4/ip_local_port_range":     "40000 40499",
	"ipv4/ip_local_reserved_ports": "",
	"ipv4/tcp_wmem":                "4096 16384 262144",
}

// TestDoctorForetellsTheLimitsOfANetwork runs the next test as root of a network namespace, whose settings it may lower.
func TestDoctorForetellsTheLimitsOfANetwork(t *testing.T) {
	t.Parallel()
	foreign(t)
	child := exec.Command(os.Args[0], "-test.run=^TestDoctorInANetworkOfItsOwn$", "-test.v")
	child.Env = append(os.Environ(), builtBinary+"="+binary)
	child.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := child.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		unavailable(t, "no namespace can be made: %v", err)
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: TestDoctorInANetworkOfItsOwn") {
		t.Errorf("got %v, want the test in the namespace to pass:\n%s", err, out)
	}
}

func TestDoctorInANetworkOfItsOwn(t *testing.T) {
	if os.Getenv(builtBinary) == "" {
		t.Skip("run by TestDoctorForetellsTheLimitsOfANetwork")
	}
	if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		unavailable(t, "the loopback interface can't be brought up: %v: %s", err, out)
	}
	for name, value := range netSettings {
		if err := os.WriteFile("/proc/sys/net/"+name, []byte(value), 0); err != nil {
			unavailable(t, "%s is not of the namespace: %v", name, err)
		}
	}
	report := foretell(t, nil, nil)
	for name, want := range map[string]string{
		"net.core.somaxconn":           "64",
		"net.ipv4.tcp_max_syn_backlog": "128",
		"net.ipv4.ip_local_port_range": "40000 to 40499",
		"net.ipv4.tcp_wmem":            "256 KiB",
	} {
		if got := note(t, report, name).Value; got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	if remedies := note(t, report, "net.core.somaxconn").Remedies; len(remedies) == 0 {
		t.Error("got no remedy for a backlog of 64")
	}
	t.Run("ports of one address", func(t *testing.T) {
		l := trunkTo(t, startHubOn(t, nil, "--listen=127.0.0.1:9000", "--admin="))
		var err error
		for err == nil && len(l.descriptors) < 2000 {
			_, err = l.connect(nil, int64(patience.Seconds()))
		}
		if err != unix.EADDRNOTAVAIL {
			t.Errorf("got %v after %d connections, want that there is no port left", err, len(l.descriptors))
		}
		wantNear(t, "connections from one address", uint64(len(l.descriptors)), 500)
		if meaning := note(t, report, "net.ipv4.ip_local_port_range").Meaning; !strings.Contains(meaning, " 500 connections from each") {
			t.Errorf("got %q, want 500 connections", meaning)
		}
	})
	t.Run("connects that wait with a request", func(t *testing.T) {
		hub := startHubOn(t, nil, "--listen=127.0.0.1:9001", "--admin=")
		hub.signal(t, syscall.SIGSTOP)
		defer hub.signal(t, syscall.SIGCONT)
		waitFor(t, "the hub is stopped", func() bool {
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", hub.command.Process.Pid))
			if err != nil {
				t.Fatal(err)
			}
			_, state, _ := strings.Cut(string(status), ") ")
			return strings.HasPrefix(state, "T")
		})
		l := trunkTo(t, hub)
		var err error
		for i := byte(0); err == nil && len(l.descriptors) < 2000; i++ {
			var fd int
			if fd, err = l.connect(&[4]byte{127, 0, 2, i}, 1); err == nil {
				_, err = unix.Write(fd, []byte(lineRequest))
			}
		}
		if !slices.Contains([]error{unix.EINPROGRESS, unix.EAGAIN, unix.ETIMEDOUT}, err) {
			t.Errorf("got %v after %d connects, want that they wait", err, len(l.descriptors))
		}
		wantNear(t, "connects that wait for a hub that is stopped", uint64(len(l.descriptors)), 64)
	})
}
