package main

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

const nobody = 65534

// withoutRights are the attributes of a process that may not listen on port
// 80: an ordinary user's, in a network of its own, where ports below 1024 are
// privileged whatever this machine's setting is.
func withoutRights(t *testing.T) *syscall.SysProcAttr {
	t.Helper()
	if os.Geteuid() == 0 {
		return &syscall.SysProcAttr{
			Credential: &syscall.Credential{Uid: nobody, Gid: nobody},
			Cloneflags: syscall.CLONE_NEWNET,
		}
	}
	setting, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
	if err != nil {
		t.Fatal(err)
	}
	if first, err := strconv.Atoi(strings.TrimSpace(string(setting))); err != nil || first <= 80 {
		unavailable(t, "port 80 needs no right here: ip_unprivileged_port_start is %s", setting)
	}
	return nil
}

func TestMissingRightIsToldInOneLine(t *testing.T) {
	_, stderr, code := runAs(t, withoutRights(t), nil, "serve", "--listen=:80", "--admin=")
	if code != exitFailure {
		t.Errorf("got exit code %d, want 1", code)
	}
	if strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "--listen :80") || !strings.Contains(stderr, "CAP_NET_BIND_SERVICE") {
		t.Errorf("got on stderr %q, want one line that names the flag and the right", stderr)
	}
}
