package main

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

const nobody = 65534

// withoutPermissions are the attributes of a process that may not listen on port
// 80: it runs as an ordinary user in a network namespace of its own, where ports
// below 1024 are privileged whatever the setting of this machine is.
func withoutPermissions(t *testing.T) *syscall.SysProcAttr {
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
		unavailable(t, "port 80 needs no permission here: ip_unprivileged_port_start is %s", setting)
	}
	return nil
}

func TestMissingPermissionIsReportedInOneLine(t *testing.T) {
	_, stderr, code := runAs(t, withoutPermissions(t), nil, "serve", "--listen=:80", "--admin=")
	if code != exitFailure {
		t.Errorf("got exit code %d, want 1", code)
	}
	if strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "--listen :80") || !strings.Contains(stderr, "CAP_NET_BIND_SERVICE") {
		t.Errorf("got on stderr %q, want one line that names the flag and the capability", stderr)
	}
}
