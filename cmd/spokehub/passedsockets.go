package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
)

// firstPassed is the descriptor of the first socket that systemd passes.
const firstPassed = 3

// maxPassed is more sockets than anybody passes.
const maxPassed = 1024

// passedSockets are the sockets that systemd has opened for the process and that nobody has taken yet, as sd_listen_fds(3) describes. They
// outlive the process: what connects between two of them waits for the next.
type passedSockets struct {
	names []string
	files []*os.File
}

// newPassedSockets finds them in the environment. Sockets for another process are none. It may be called once: the descriptors belong to
// what it returns.
func newPassedSockets(variable func(string) string) *passedSockets {
	p := &passedSockets{}
	count, err := strconv.Atoi(variable("LISTEN_FDS"))
	if err != nil || count < 0 || count > maxPassed || variable("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return p
	}
	names := strings.Split(variable("LISTEN_FDNAMES"), ":")
	for i := range count {
		name := "unknown"
		if i < len(names) && names[i] != "" {
			name = names[i]
		}
		p.names = append(p.names, name)
		p.files = append(p.files, os.NewFile(uintptr(firstPassed+i), name))
	}
	return p
}

// take returns all sockets of a name. A socket unit has several if it has several lines of ListenStream=.
func (p *passedSockets) take(name string) ([]net.Listener, error) {
	var taken []net.Listener
	for i, file := range p.files {
		if p.names[i] != name || file == nil {
			continue
		}
		listener, err := net.FileListener(file)
		if err != nil {
			for _, l := range taken {
				l.Close()
			}
			return nil, fmt.Errorf("--listen systemd:%s: the socket can't be listened on (%w): it has to come from ListenStream=, with Accept=no", name, err)
		}
		file.Close()
		p.files[i] = nil
		taken = append(taken, listener)
	}
	if len(taken) == 0 {
		return nil, fmt.Errorf("--listen systemd:%s: systemd has passed no socket of that name, %s: start spokehub.socket, and give it FileDescriptorName=%s", name, p.told(), name)
	}
	return taken, nil
}

// told says what has been passed.
func (p *passedSockets) told() string {
	if len(p.names) == 0 {
		return "and no other"
	}
	return "but " + strings.Join(slices.Compact(slices.Sorted(slices.Values(p.names))), ", ")
}

// checkTaken says which sockets nobody has taken: whoever connects there would wait for ever.
func (p *passedSockets) checkTaken() error {
	for i, file := range p.files {
		if file != nil {
			return fmt.Errorf("systemd has passed the socket %s, and no --listen takes it, so that its clients would wait for ever: add --listen systemd:%s", p.names[i], p.names[i])
		}
	}
	return nil
}

// close closes those that nobody has taken.
func (p *passedSockets) close() {
	for _, file := range p.files {
		if file != nil {
			file.Close()
		}
	}
}

// checkSocketName says what is wrong with the name of a socket that systemd passes.
func checkSocketName(name string) error {
	switch {
	case name == "":
		return errors.New("there is no name behind systemd:, such as that of FileDescriptorName=")
	case strings.ContainsAny(name, ":/ \t\n"):
		return fmt.Errorf("%q is no name of a socket: FileDescriptorName= takes no colon, slash or space", name)
	}
	return nil
}
