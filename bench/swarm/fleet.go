//go:build linux

// Package swarm generates the load: client processes of one thread and one core each, which open thousands of WebSocket connections over
// raw epoll, publish, and check every subscriber for loss, duplicates and order.
//
// The parent starts a Fleet. Its children are the same executable run again, so its main or TestMain calls RunIfChild first. They take
// commands as JSON lines and share Counters, memory that the parent can read at any time and through which a windowed publisher
// learns that its messages have arrived.
//
// Each event carries a stamp: its topic, its sequence number in that topic, and the time at which it was due. A child compares the number
// with the one that the subscriber expects, and records the time since the event was due.
package swarm

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Fleet is the parent's side: client processes, one thread and one core each. Its methods are for one goroutine; each blocks until
// all processes have answered.
type Fleet struct {
	counters *Counters
	wakeup   *os.File
	children []*child
}

// StartFleet starts so many processes, on these cores in turn, or on any. stderr gets what they write there.
func StartFleet(processes int, cores []int, stderr io.Writer) (*Fleet, error) {
	if processes < 1 || processes > MaxProcesses {
		return nil, fmt.Errorf("swarm: %d client processes: 1 to %d are possible", processes, MaxProcesses)
	}
	counters, err := newCounters()
	if err != nil {
		return nil, fmt.Errorf("swarm: %w", err)
	}
	wakeup, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		counters.close()
		return nil, fmt.Errorf("swarm: make the wake-up descriptor: %w", err)
	}
	f := &Fleet{counters: counters, wakeup: os.NewFile(uintptr(wakeup), "wakeup")}
	for number := range processes {
		var on []int
		if len(cores) > 0 {
			on = []int{cores[number%len(cores)]}
		}
		c, err := startChild(number, on, stderr, counters.file, f.wakeup)
		if err != nil {
			f.Close()
			return nil, err
		}
		f.children = append(f.children, c)
	}
	return f, nil
}

// Counters returns the counters of all processes.
func (f *Fleet) Counters() *Counters { return f.counters }

// Processes lists the process ids.
func (f *Fleet) Processes() (pids []int) {
	for _, c := range f.children {
		pids = append(pids, c.cmd.Process.Pid)
	}
	return pids
}

// All lists the numbers of all processes.
func (f *Fleet) All() []int {
	numbers := make([]int, len(f.children))
	for i := range numbers {
		numbers[i] = i
	}
	return numbers
}

// Opened is what became of a Plan.
type Opened struct {
	// Ready connections have shaken hands and, where the plan asked for an answer, got it.
	Ready int
	// Took is the time of the slowest process from its first connect to its last answer.
	Took time.Duration
}

// Connect spreads a plan over processes, and waits until every connection is ready or has failed.
func (f *Fleet) Connect(plan Plan, processes []int) (Opened, error) {
	commands := make([]command, len(processes))
	for i := range processes {
		share := plan
		from, to := plan.Count*i/len(processes), plan.Count*(i+1)/len(processes)
		share.First, share.Count = plan.First+from, to-from
		commands[i] = command{Do: doConnect, Plan: &share}
	}
	replies, err := f.ask(processes, commands...)
	if err != nil {
		return Opened{}, err
	}
	var opened Opened
	for _, r := range replies {
		opened.Ready += r.Count
		opened.Took = max(opened.Took, time.Duration(r.Nanos))
	}
	if opened.Ready < plan.Count {
		err = fmt.Errorf("swarm: only %d of %d connections are ready", opened.Ready, plan.Count)
		if reports, failed := f.Report(nil); failed == nil {
			err = fmt.Errorf("%w: %s", err, reports[plan.Group].Example)
		}
	}
	return opened, err
}

// Publish starts publishers in processes; the others learn what to count. A windowed one runs in process 0 alone.
func (f *Fleet) Publish(p Publication, processes []int) error {
	if p.Kind == PublishWindow && !slices.Equal(processes, []int{0}) {
		return errors.New("swarm: a windowed publisher runs in process 0 alone")
	}
	others := slices.DeleteFunc(f.All(), func(number int) bool { return slices.Contains(processes, number) })
	if _, err := f.ask(others, command{Do: doPublish, Publish: &p}); err != nil {
		return err
	}
	_, err := f.ask(processes, command{Do: doPublish, Publish: &p, Here: true})
	return err
}

// Pause ends all publishers and returns how many events each group was sent in all.
func (f *Fleet) Pause() ([]uint64, error) {
	replies, err := f.askAll(command{Do: doPause})
	if err != nil {
		return nil, err
	}
	sent := make([]uint64, MaxGroups)
	for _, r := range replies {
		for i, n := range r.Sent {
			sent[i] += n
		}
	}
	return sent, nil
}

// Mark empties the latency of every group, so that what follows is measured alone.
func (f *Fleet) Mark() error {
	_, err := f.askAll(command{Do: doMark})
	return err
}

// Stall makes one spoke of a group in every so many stop reading, and returns how many did.
func (f *Fleet) Stall(group, every int) (stalled int, err error) {
	return f.count(command{Do: doStall, Group: group, Every: every})
}

// Resume lets them read again, and slow ones all that comes.
func (f *Fleet) Resume(group int) (resumed int, err error) {
	return f.count(command{Do: doResume, Group: group})
}

// Close ends the processes and waits for them.
func (f *Fleet) Close() error {
	var failures []error
	for _, c := range f.children {
		failures = append(failures, c.quit())
	}
	failures = append(failures, f.wakeup.Close(), f.counters.close())
	return errors.Join(failures...)
}

// Signal sends a signal to every process: after SIGSTOP none of them reads, until SIGCONT. In between no other method may be called
// but Kill: it would wait for an answer.
func (f *Fleet) Signal(signal syscall.Signal) error {
	for _, c := range f.children {
		if err := c.cmd.Process.Signal(signal); err != nil {
			return fmt.Errorf("swarm: signal client process %d: %w", c.number, err)
		}
	}
	return nil
}

// Kill ends every process by SIGKILL, and waits until the kernel has closed their connections. It takes the place of Close.
func (f *Fleet) Kill() error {
	failed := f.Signal(syscall.SIGKILL)
	for _, c := range f.children {
		killed := c.quit()
		if c.cmd.ProcessState == nil {
			failed = errors.Join(failed, killed)
		}
	}
	return errors.Join(failed, f.wakeup.Close(), f.counters.close())
}

// count adds up the answers of all processes.
func (f *Fleet) count(c command) (total int, err error) {
	replies, err := f.askAll(c)
	for _, r := range replies {
		total += r.Count
	}
	return total, err
}

func (f *Fleet) askAll(c command) ([]reply, error) { return f.ask(f.All(), c) }

// ask sends one command to several processes, or each its own, and then reads their answers.
func (f *Fleet) ask(processes []int, commands ...command) ([]reply, error) {
	for i, number := range processes {
		if err := f.children[number].commands.Encode(commands[i%len(commands)]); err != nil {
			return nil, fmt.Errorf("swarm: command client process %d: %w", number, err)
		}
	}
	var failures []error
	replies := make([]reply, len(processes))
	for i, number := range processes {
		answer, err := f.children[number].receive()
		replies[i] = answer
		failures = append(failures, err)
	}
	return replies, errors.Join(failures...)
}
