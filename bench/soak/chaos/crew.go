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
	"strings"
	"sync"
	"time"

	"github.com/spokehub/spokehub/bench/swarm"
	"github.com/spokehub/spokehub/event"
)

// What a crew writes, one a line: a letter, the client's number, and more.
const (
	// sayHeard: a listener got an event, named by its topic type:id and its two numbers.
	sayHeard = "E"
	// sayKept: a listener got an event of a stream: the topic that it listens to, the position, the event's topic type:id, its two numbers, and the
	// client that has published it, or 0.
	sayKept = "S"
	// sayGap: the client was told of a gap: topic, epoch or -, first and last offset or 0, how many or -1, and why.
	sayGap = "U"
	// sayLost: the client knows that its line is dead; once for each that it had.
	sayLost = "L"
	// sayLeft: the client takes a line that is open for dead, and need not hear what still comes there.
	sayLeft = "G"
	// sayBegun and sayRefused: the client is about to publish this number, and was told that it can't.
	sayBegun   = "P"
	sayRefused = "Q"
	// sayLate: the process of this client did not get to run for so many milliseconds.
	sayLate = "W"
	// sayWrong: something happened that must not, in words; also of client -1.
	sayWrong = "X"
	// sayDone answers a command. It stands behind all that came before.
	sayDone = "D"
)

// What a crew is told, one command a line. It answers each with sayDone and a measurement.
const (
	// tellHush ends publishing until tellSpeak, tellSay asks each voice for one event.
	tellHush  = "hush"
	tellSpeak = "speak"
	tellSay   = "say"
	// tellMeasure asks for nothing but the measurement, after a garbage collection.
	tellMeasure = "measure"
)

// task is what a crew is to do, on the first line that it reads.
type task struct {
	// URL is that of the proxy; a client adds ?client= and its number.
	URL string `json:"url"`
	// Times are in milliseconds: the bounds of the pauses before a reconnect, how long the hub may be silent until the client asks for a
	// sign of life, how long it waits for that and for a connect, and the time between two events of a voice.
	MinDelay int `json:"minDelay"`
	MaxDelay int `json:"maxDelay"`
	Ping     int `json:"ping"`
	Patience int `json:"patience"`
	Connect  int `json:"connect"`
	Pause    int `json:"pause"`
	// AuthorTurns is of how many turns of the voices those use one that publish to streams.
	AuthorTurns int `json:"authorTurns"`
	// Members are the clients.
	Members []member `json:"members"`
}

// member is one client.
type member struct {
	Client int `json:"client"`
	// Topics are what it subscribes to. It also listens to Muted, but what it hears there it hears twice.
	Topics []string `json:"topics"`
	Muted  []string `json:"muted"`
	// Kept are topics of streams, to which it listens, too.
	Kept []string `json:"kept"`
	// Voice is what it publishes to, if it does. IsAuthor tells that this is a stream.
	Voice    string `json:"voice"`
	IsAuthor bool   `json:"isAuthor"`
}

// newMember describes a client.
func newMember(client int) member {
	m := member{Client: client}
	topics := topicsOf(client)
	for _, topic := range topics {
		if isKept(topic) {
			m.Kept = append(m.Kept, topic)
		} else if isShadowed(topic, topics) {
			m.Muted = append(m.Muted, topic)
		} else {
			m.Topics = append(m.Topics, topic)
		}
	}
	m.Voice, m.IsAuthor = speechTopic(client), authorTopic(client) != ""
	return m
}

// measurement is what a crew knows of itself.
type measurement struct {
	// Heap is what is in use, in bytes; Running are the goroutines of Go, or the active handles of Node.
	Heap    int64 `json:"heap"`
	Running int   `json:"running"`
}

// crew is a process full of clients. One goroutine at a time may tell it something.
type crew struct {
	name   string
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	ledger *ledger
	// arrivals are told when the process did not get to run.
	arrivals *arrivals
	answers  chan measurement
	done     chan struct{}
	telling  sync.Mutex
}

// startCrew runs a command that is such a process, and gives it its task.
func startCrew(name string, cmd *exec.Cmd, t task, l *ledger, a *arrivals) (*crew, error) {
	c := &crew{name: name, cmd: cmd, ledger: l, arrivals: a, answers: make(chan measurement, 1), done: make(chan struct{})}
	stdin, err := cmd.StdinPipe()
	stdout, failed := cmd.StdoutPipe()
	cmd.Stderr = os.Stderr
	if err = errors.Join(err, failed); err == nil {
		err = swarm.StartPinned(cmd, nil)
	}
	if err != nil {
		return nil, fmt.Errorf("start the clients in %s: %w", name, err)
	}
	c.stdin = stdin
	go c.follow(stdout)
	if err := json.NewEncoder(stdin).Encode(t); err != nil {
		return nil, errors.Join(fmt.Errorf("start the clients in %s: %w", name, err), c.quit())
	}
	return c, nil
}

// follow hands all that the crew says on to the ledger.
func (c *crew) follow(stdout io.Reader) {
	defer close(c.done)
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if err := c.note(lines.Text()); err != nil {
			c.ledger.problem(nobody, "the clients in %s said %q: %v", c.name, lines.Text(), err)
		}
	}
	c.ledger.problem(nobody, "the clients in %s said no more", c.name)
	io.Copy(io.Discard, stdout)
}

func (c *crew) note(text string) error {
	letter, rest, _ := strings.Cut(text, " ")
	if letter == sayDone {
		var m measurement
		err := json.Unmarshal([]byte(rest), &m)
		c.answers <- m
		return err
	}
	first, rest, _ := strings.Cut(rest, " ")
	client, err := strconv.Atoi(first)
	if err != nil || client >= len(c.ledger.accounts) || client < 0 && letter != sayWrong {
		return fmt.Errorf("no client with the number %q", first)
	}
	switch letter {
	case sayHeard:
		return c.noteHeard(client, rest)
	case sayKept:
		return c.noteKept(client, rest)
	case sayGap:
		return c.noteGap(client, rest)
	case sayLost:
		c.ledger.lost(client)
	case sayLeft:
		c.ledger.leaves(client)
	case sayBegun, sayRefused, sayLate:
		n, err := strconv.Atoi(rest)
		if err != nil {
			return err
		}
		switch letter {
		case sayBegun:
			c.ledger.speaks(client, n)
		case sayRefused:
			c.ledger.refuses(client, n)
		case sayLate:
			c.arrivals.late(c.ledger.kindOf(client), time.Duration(n)*time.Millisecond)
		}
	case sayWrong:
		c.ledger.problem(max(client, nobody), "%s", rest)
	default:
		return fmt.Errorf("no known letter %q", letter)
	}
	return nil
}

func (c *crew) noteHeard(client int, rest string) error {
	fields := strings.Fields(rest)
	if len(fields) != 3 {
		return errors.New("want a topic and two numbers")
	}
	n, err := strconv.Atoi(fields[1])
	all, failed := strconv.ParseUint(fields[2], 10, 64)
	if err = errors.Join(err, failed); err != nil {
		return err
	}
	e, err := numberOf(fields[0], n, all, 0)
	if err == nil {
		c.ledger.heard(client, e)
	}
	return err
}

func (c *crew) noteKept(client int, rest string) error {
	var topic, at, name string
	var n, by int
	var all uint64
	if _, err := fmt.Sscan(rest, &topic, &at, &name, &n, &all, &by); err != nil {
		return err
	}
	position, err := event.ParsePosition(at)
	e, failed := numberOf(name, n, all, by)
	if err = errors.Join(err, failed); err != nil {
		return err
	}
	return c.ledger.streamHeard(client, topic, position, e)
}

func (c *crew) noteGap(client int, rest string) error {
	var g event.Gap
	if _, err := fmt.Sscan(rest, &g.Topic, &g.Epoch, &g.From, &g.To, &g.Missed, &g.Reason); err != nil {
		return err
	}
	g.Epoch = strings.TrimPrefix(g.Epoch, "-")
	return c.ledger.streamGap(client, g)
}

// tell gives a command and blocks until it is answered: by then all that the crew said before has reached the ledger.
func (c *crew) tell(command string, patience time.Duration) (m measurement, err error) {
	c.telling.Lock()
	defer c.telling.Unlock()
	if _, err := io.WriteString(c.stdin, command+"\n"); err != nil {
		return m, fmt.Errorf("tell the clients in %s to %s: %w", c.name, command, err)
	}
	select {
	case m = <-c.answers:
		return m, nil
	case <-c.done:
		return m, fmt.Errorf("the clients in %s ended and did not %s", c.name, command)
	case <-time.After(patience):
		return m, fmt.Errorf("the clients in %s did not %s within %v", c.name, command, patience)
	}
}

// quit ends the process: it goes when its commands end. One that does not is killed.
func (c *crew) quit() error {
	c.stdin.Close()
	late := time.AfterFunc(time.Minute, func() { c.cmd.Process.Kill() })
	defer late.Stop()
	<-c.done
	if err := c.cmd.Wait(); err != nil {
		return fmt.Errorf("the clients in %s: %w", c.name, err)
	}
	return nil
}
