//go:build linux

package swarm

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
)

const longestReply = 16 << 20

// child is the parent's handle of one client process.
type child struct {
	number  int
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	replies *bufio.Scanner
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
		return nil, fmt.Errorf("reach client process %d: %w", number, err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("hear client process %d: %w", number, err)
	}
	if err := StartPinned(cmd, cores); err != nil {
		return nil, fmt.Errorf("start client process %d: %w", number, err)
	}
	c := &child{number: number, cmd: cmd, stdin: stdin, replies: bufio.NewScanner(stdout)}
	c.replies.Buffer(nil, longestReply)
	if _, err := c.receive(); err != nil {
		c.quit()
		return nil, fmt.Errorf("start client process %d: %w", number, err)
	}
	return c, nil
}

func (c *child) send(what command) error {
	line, err := json.Marshal(what)
	if err != nil {
		return fmt.Errorf("encode a command: %w", err)
	}
	if _, err := c.stdin.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("command client process %d: %w", c.number, err)
	}
	return nil
}

func (c *child) receive() (reply, error) {
	if !c.replies.Scan() {
		return reply{}, fmt.Errorf("client process %d is gone: %w", c.number, io.ErrUnexpectedEOF)
	}
	var answer reply
	if err := json.Unmarshal(c.replies.Bytes(), &answer); err != nil {
		return reply{}, fmt.Errorf("understand client process %d: %w", c.number, err)
	}
	if answer.Error != "" {
		return answer, fmt.Errorf("client process %d: %s: %s", c.number, answer.Do, answer.Error)
	}
	return answer, nil
}

func (c *child) ask(what command) (reply, error) {
	if err := c.send(what); err != nil {
		return reply{}, err
	}
	return c.receive()
}

// quit ends the process: it goes when its commands end.
func (c *child) quit() error {
	c.stdin.Close()
	if err := c.cmd.Wait(); err != nil {
		return fmt.Errorf("client process %d: %w", c.number, err)
	}
	return nil
}
