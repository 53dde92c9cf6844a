//go:build linux

package swarm

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// child is the parent's handle of one client process.
type child struct {
	number   int
	cmd      *exec.Cmd
	stdin    io.Closer
	commands *json.Encoder
	replies  *json.Decoder
}

// startChild runs this executable again, with files for its descriptors from 3 on.
func startChild(number int, cores []int, stderr io.Writer, files ...*os.File) (*child, error) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", childEnvironment, number), "GOMAXPROCS=1")
	cmd.Stderr, cmd.ExtraFiles = stderr, files
	stdin, err := cmd.StdinPipe()
	stdout, failed := cmd.StdoutPipe()
	if err = errors.Join(err, failed); err == nil {
		err = StartPinned(cmd, cores)
	}
	if err != nil {
		return nil, fmt.Errorf("swarm: start client process %d: %w", number, err)
	}
	c := &child{number: number, cmd: cmd, stdin: stdin, commands: json.NewEncoder(stdin), replies: json.NewDecoder(stdout)}
	if _, err := c.receive(); err != nil {
		return nil, errors.Join(err, c.quit())
	}
	return c, nil
}

func (c *child) receive() (answer reply, err error) {
	if err := c.replies.Decode(&answer); err != nil {
		return answer, fmt.Errorf("swarm: client process %d is gone: %w", c.number, err)
	}
	if answer.Error != "" {
		return answer, fmt.Errorf("swarm: client process %d: %s: %s", c.number, answer.Do, answer.Error)
	}
	return answer, nil
}

// quit ends the process: it goes when its commands end.
func (c *child) quit() error {
	c.stdin.Close()
	if err := c.cmd.Wait(); err != nil {
		return fmt.Errorf("swarm: client process %d: %w", c.number, err)
	}
	return nil
}
