//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"

	"github.com/spokehub/spokehub/bench/swarm"
)

// roleEnvironment names the variable that tells a child process what it plays.
const roleEnvironment = "SPOKEHUB_HOSTILE_ROLE"

// The roles. Each reads its script, a JSON line, and then lines with cues; it answers readiness and its report as JSON lines.
const (
	roleInnocents = "innocents"
	roleCrowd     = "crowd"
	roleAttackers = "attackers"
)

// playRole plays the role of a child process and ends it. It returns at once in any other process.
func playRole() {
	var err error
	stage := &stage{cues: bufio.NewReader(os.Stdin), answers: json.NewEncoder(os.Stdout)}
	switch os.Getenv(roleEnvironment) {
	case roleInnocents:
		err = stage.playInnocents()
	case roleCrowd:
		err = stage.playCrowd()
	case roleAttackers:
		err = stage.playAttackers()
	default:
		return
	}
	if err != nil {
		stage.answers.Encode(answer{Error: err.Error()})
		os.Exit(1)
	}
	os.Exit(0)
}

// stage is the child's side of the talk with the parent. Its main goroutine owns it.
type stage struct {
	cues    *bufio.Reader
	answers *json.Encoder
}

// answer is a line from a child: its report, or what went wrong.
type answer struct {
	Error  string          `json:"error,omitempty"`
	Report json.RawMessage `json:"report,omitempty"`
}

// readScript reads the first line.
func (s *stage) readScript(into any) error {
	line, err := s.cues.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, into)
	}
	if err != nil {
		return fmt.Errorf("read the script: %w", err)
	}
	return nil
}

// awaitCue blocks until the parent gives the next cue, or is gone.
func (s *stage) awaitCue() { s.cues.ReadBytes('\n') }

// tell answers with a report.
func (s *stage) tell(report any) error {
	raw, err := json.Marshal(report)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return s.answers.Encode(answer{Report: raw})
}

// actor is the parent's side: a child process that plays a role. One goroutine owns it.
type actor struct {
	role    string
	cmd     *exec.Cmd
	cues    io.WriteCloser
	answers *json.Decoder
}

// startActor runs this executable again to play a role, with a lowered priority if asked for, and hands it its script. The process dies
// with this one.
func startActor(role string, script any, nice int, s settings) (*actor, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this executable: %w", err)
	}
	cmd := exec.Command(self)
	if nice != 0 {
		cmd = exec.Command("nice", "-n", strconv.Itoa(nice), self)
	}
	cmd.Env = append(os.Environ(), roleEnvironment+"="+role)
	cmd.Stderr = s.progress
	cues, err := cmd.StdinPipe()
	out, failed := cmd.StdoutPipe()
	if err = errors.Join(err, failed); err == nil {
		err = swarm.StartPinned(cmd, s.clientCores)
	}
	if err != nil {
		return nil, fmt.Errorf("start the %s: %w", role, err)
	}
	a := &actor{role, cmd, cues, json.NewDecoder(out)}
	line, err := json.Marshal(script)
	if err == nil {
		_, err = cues.Write(append(line, '\n'))
	}
	if err != nil {
		a.end()
		return nil, fmt.Errorf("hand the %s their script: %w", role, err)
	}
	return a, nil
}

// cue tells it to go on to what its role does next.
func (a *actor) cue() { a.cues.Write([]byte("\n")) }

// hear blocks until it answers.
func (a *actor) hear(report any) error {
	var said answer
	err := a.answers.Decode(&said)
	switch {
	case err != nil:
		return fmt.Errorf("the %s are gone: %w", a.role, err)
	case said.Error != "":
		return fmt.Errorf("the %s: %s", a.role, said.Error)
	case report == nil:
		return nil
	}
	return json.Unmarshal(said.Report, report)
}

// end ends the process.
func (a *actor) end() {
	a.cues.Close()
	a.cmd.Process.Kill()
	a.cmd.Wait()
}
