//go:build linux

package swarm

import (
	"encoding/json"
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

func startChild(number int, cores []int, counters *Counters, wakeup *os.File, stderr io.Writer) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this executable: %w", err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", childEnvironment, number), "GOMAXPROCS=1")
	cmd.Stderr = stderr
	cmd.ExtraFiles = []*os.File{counters.file, wakeup}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe to client process %d: %w", number, err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe from client process %d: %w", number, err)
	}
	if err := StartPinned(cmd, cores); err != nil {
		return nil, fmt.Errorf("start client process %d: %w", number, err)
	}
	c := &child{number: number, cmd: cmd, stdin: stdin, commands: json.NewEncoder(stdin), replies: json.NewDecoder(stdout)}
	if _, err := c.receive(); err != nil {
		c.quit()
		return nil, err
	}
	return c, nil
}

func (c *child) send(what command) error {
	if err := c.commands.Encode(what); err != nil {
		return fmt.Errorf("command client process %d: %w", c.number, err)
	}
	return nil
}

func (c *child) receive() (answer reply, err error) {
	if err := c.replies.Decode(&answer); err != nil {
		return answer, fmt.Errorf("client process %d is gone: %w", c.number, err)
	}
	if answer.Error != "" {
		return answer, fmt.Errorf("client process %d: %s: %s", c.number, answer.Do, answer.Error)
	}
	return answer, nil
}

// quit ends the process: it goes when its commands end.
func (c *child) quit() error {
	c.stdin.Close()
	if err := c.cmd.Wait(); err != nil {
		return fmt.Errorf("client process %d: %w", c.number, err)
	}
	return nil
}
