package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spokehub/spokehub/fanout"
)

// course is how far the process has come, and who is told of it. Any goroutine may use it.
type course struct {
	draining atomic.Bool
	manager  serviceManager
}

// serviceManager is systemd, or what else has started the process and set NOTIFY_SOCKET. It is told what sd_notify(3) describes. The
// zero value stands for none, and tells nobody. Any goroutine may use it.
type serviceManager struct {
	// out takes one message a write, nil if there is nobody to tell.
	out io.Writer
	// watchdog is how long the manager waits for a sign of life before it kills the process, 0 if it does not.
	watchdog time.Duration
}

// newServiceManager finds the manager in the environment. An error does not keep the hub from serving; the manager will not know that it
// does.
func newServiceManager(variable func(string) string) (serviceManager, error) {
	path := variable("NOTIFY_SOCKET")
	if path == "" {
		return serviceManager{}, nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return serviceManager{}, fmt.Errorf("NOTIFY_SOCKET %s: %w", path, err)
	}
	return serviceManager{out: managerSocket{conn}, watchdog: watchdogInterval(variable)}, nil
}

// notifyTimeout is how long a manager that does not read may keep the hub from what it is about to do, such as to drain.
const notifyTimeout = time.Second

// managerSocket is that of a manager. A write that it does not take in time fails.
type managerSocket struct{ *net.UnixConn }

// Write writes one message.
func (s managerSocket) Write(message []byte) (int, error) {
	_ = s.SetWriteDeadline(time.Now().Add(notifyTimeout))
	return s.UnixConn.Write(message)
}

// watchdogInterval is that of WatchdogSec=, 0 if there is none for this process.
func watchdogInterval(variable func(string) string) time.Duration {
	if pid := variable("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0
	}
	microseconds, err := strconv.ParseUint(variable("WATCHDOG_USEC"), 10, 40)
	if err != nil {
		return 0
	}
	return time.Duration(microseconds) * time.Microsecond
}

// tell sends one message of several lines. A manager that has gone away can't be told anything, and needs no word about that.
func (m serviceManager) tell(lines ...string) {
	if m.out != nil {
		_, _ = io.WriteString(m.out, strings.Join(lines, "\n")+"\n")
	}
}

// ready says that the hub serves, at the start and after a reload.
func (m serviceManager) ready(stats fanout.Stats) { m.tell("READY=1", statusOf(stats)) }

// reloading says that a reload has begun: systemctl reload waits for the next ready.
func (m serviceManager) reloading() {
	m.tell("RELOADING=1", fmt.Sprintf("MONOTONIC_USEC=%d", monotonicMicroseconds()), "STATUS=reading the configuration")
}

// statusOf is the line that systemctl status shows.
func statusOf(stats fanout.Stats) string {
	return fmt.Sprintf("STATUS=serving %d connections, %d topics", stats.Connections, stats.Topics)
}

// watchShare is how many signs of life the manager gets in the time that it waits for one.
const watchShare = 3

// watch gives signs of life until stop is closed. count asks all reactors, and returns when the last of them has answered: while one is
// stuck there is no sign, and the manager ends and restarts the process after its WatchdogSec=.
func (m serviceManager) watch(count func() fanout.Stats, stop <-chan struct{}) {
	if m.out == nil || m.watchdog < watchShare {
		return
	}
	ticker := time.NewTicker(m.watchdog / watchShare)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
			m.tell("WATCHDOG=1", statusOf(count()))
		}
	}
}

const (
	// drainTold is how often the manager hears how far a drain is.
	drainTold = time.Second
	// drainExtension is how much longer it waits each time. A process that says nothing for so long hangs.
	drainExtension = 15 * time.Second
)

// drain says that the hub ends, and how many clients are left, until over is closed. Each time it asks for more time, so that
// TimeoutStopSec= does not cut a drain that goes on.
func (m serviceManager) drain(count func() fanout.Stats, over <-chan struct{}) {
	if m.out == nil {
		return
	}
	extend := fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", drainExtension.Microseconds())
	m.tell("STOPPING=1", extend, "STATUS=draining")
	ticker := time.NewTicker(drainTold)
	defer ticker.Stop()
	for {
		select {
		case <-over:
			return
		case <-ticker.C:
			m.tell(extend, fmt.Sprintf("STATUS=draining, %d connections left", count().Connections))
		}
	}
}
