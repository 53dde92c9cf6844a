//go:build linux

package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/spoke"
)

// crewEnvironment is set for a process that is a crew of Go clients.
const crewEnvironment = "SPOKEHUB_CHAOS_CREW"

const (
	// waking is how often a crew looks whether it gets to run, lateMost how late that may be without a word.
	waking   = 20 * time.Millisecond
	lateMost = 100 * time.Millisecond
)

// goCommand is this program again.
func goCommand(string) (*exec.Cmd, error) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), crewEnvironment+"=1")
	return cmd, nil
}

// runIfCrew runs a crew and ends the process, if it is one.
func runIfCrew() {
	if os.Getenv(crewEnvironment) == "" {
		return
	}
	signal.Ignore(os.Interrupt, syscall.SIGTERM)
	if err := playCrew(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "chaos: the Go clients:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// goCrew is many clients in this process.
type goCrew struct {
	task    task
	out     *speaker
	clients []*goClient
	// pace guards whether the voices are hushed.
	pace   sync.RWMutex
	hushed bool
}

// goClient is one of them. Its lock guards the number of what it published last. Connected belongs to the goroutine of its listeners.
type goClient struct {
	member
	crew      *goCrew
	client    *spoke.Client
	connected bool
	mu        sync.Mutex
	said      int
}

// playCrew reads the task and then commands, until they end.
func playCrew(in io.Reader, out io.Writer) error {
	commands := bufio.NewReader(in)
	c := &goCrew{out: newSpeaker(out)}
	first, err := commands.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(first, &c.task)
	}
	if err != nil {
		return fmt.Errorf("read the task: %w", err)
	}
	for _, m := range c.task.Members {
		if err := c.join(m); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go c.speak(ctx)
	go c.watch(ctx)
	for {
		command, err := commands.ReadString('\n')
		if err != nil {
			break
		}
		c.obey(strings.TrimSpace(command))
	}
	cancel()
	var closing sync.WaitGroup
	for _, one := range c.clients {
		closing.Go(func() { one.client.Close() })
	}
	closing.Wait()
	return c.out.flush()
}

// join makes a client, which connects in the background.
func (c *goCrew) join(m member) error {
	one := &goClient{member: m, crew: c}
	milliseconds := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	client, err := spoke.Dial(context.Background(), fmt.Sprintf("%s?client=%d", c.task.URL, m.Client), spoke.Config{
		Background: true,
		MinDelay:   milliseconds(c.task.MinDelay), MaxDelay: milliseconds(c.task.MaxDelay),
		ConnectTimeout: milliseconds(c.task.Connect), PingInterval: milliseconds(c.task.Ping), PongTimeout: milliseconds(c.task.Patience),
		OnState:  one.changed,
		OnReject: func(r *spoke.RejectError) { c.out.say("%s %d %v", sayWrong, m.Client, r) },
		OnGap:    one.missed,
		Logger:   slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	one.client = client
	for _, topic := range m.Topics {
		client.AddEventListener(topic, one.heard)
	}
	for _, topic := range m.Kept {
		client.AddEventListener(topic, func(e event.Event) { one.heardKept(topic, e) })
	}
	for _, topic := range m.Muted {
		client.AddEventListener(topic, func(event.Event) {})
	}
	c.clients = append(c.clients, one)
	return nil
}

// changed says when the client has lost its line, or left it, and when it has stopped, which it never should.
func (one *goClient) changed(s spoke.State) {
	if one.connected && errors.Is(s.Err, spoke.ErrSilent) {
		one.crew.out.say("%s %d", sayLeft, one.Client)
	}
	if one.connected && s.Phase != spoke.Connected {
		one.crew.out.say("%s %d", sayLost, one.Client)
	}
	one.connected = s.Phase == spoke.Connected
	if s.Phase == spoke.Closed && s.Err != nil {
		one.crew.out.say("%s %d the client has stopped: %v", sayWrong, one.Client, s.Err)
	}
}

// heard says what a listener got.
func (one *goClient) heard(e event.Event) {
	m := message{Type: e.Type, ID: e.ID}
	if err := json.Unmarshal(e.Payload, &m.Payload); err != nil {
		one.crew.out.say("%s %d a payload of %s that is not JSON: %q", sayWrong, one.Client, m.name(), e.Payload)
		return
	}
	one.crew.out.say("%s %d %s %d %d", sayHeard, one.Client, m.name(), m.Payload.Number, m.Payload.All)
}

// heardKept says what a listener of a topic of a stream got, and where that is.
func (one *goClient) heardKept(topic string, e event.Event) {
	m := message{Type: e.Type, ID: e.ID}
	position, isKnown := one.client.Position(topic)
	if err := json.Unmarshal(e.Payload, &m.Payload); err != nil || !isKnown {
		one.crew.out.say("%s %d an event of %s without a position, or a payload that is not JSON: %q", sayWrong, one.Client, m.name(), e.Payload)
		return
	}
	position.Offset = e.Offset
	one.crew.out.say("%s %d %s %v %s %d %d %d", sayKept, one.Client, topic, position, m.name(), m.Payload.Number, m.Payload.All, m.Payload.By)
}

// missed says what gap the client was told of.
func (one *goClient) missed(g event.Gap) {
	one.crew.out.say("%s %d %s %s %d %d %d %s", sayGap, one.Client, g.Topic, cmp.Or(g.Epoch, "-"), g.From, g.To, g.Missed, g.Reason)
}

// publish sends the next event of a voice. It says so first, and afterwards if it couldn't.
func (one *goClient) publish() {
	one.mu.Lock()
	defer one.mu.Unlock()
	one.said++
	one.crew.out.say("%s %d %d", sayBegun, one.Client, one.said)
	kind, id, _ := strings.Cut(one.Voice, ":")
	by := 0
	if one.IsAuthor {
		by = one.Client
	}
	if !one.client.DispatchEvent(event.Event{Type: kind, ID: id, Payload: fmt.Appendf(nil, `{"n":%d,"by":%d}`, one.said, by)}) {
		one.crew.out.say("%s %d %d", sayRefused, one.Client, one.said)
	}
}

// speak publishes with each pause, until ctx ends.
func (c *goCrew) speak(ctx context.Context) {
	ticker := time.NewTicker(time.Duration(c.task.Pause) * time.Millisecond)
	defer ticker.Stop()
	for turn := 0; ; turn++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		c.pace.RLock()
		if !c.hushed {
			c.say(turn)
		}
		c.pace.RUnlock()
	}
}

// watch says when the process did not get to run, until ctx ends.
func (c *goCrew) watch(ctx context.Context) {
	timer := time.NewTimer(waking)
	defer timer.Stop()
	for {
		asleep := time.Now()
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if late := time.Since(asleep) - waking; late > lateMost {
			c.out.say("%s %d %d", sayLate, c.task.Members[0].Client, late.Milliseconds())
		}
		timer.Reset(waking)
	}
}

// everyone is the turn in which all voices speak.
const everyone = -1

// say has those voices publish whose turn it is: those of streams use one of a few.
func (c *goCrew) say(turn int) {
	for place, client := range c.clients {
		if client.Voice != "" && (!client.IsAuthor || turn == everyone || (turn+place)%c.task.AuthorTurns == 0) {
			client.publish()
		}
	}
}

// obey carries out a command and answers it.
func (c *goCrew) obey(command string) {
	c.pace.Lock()
	defer c.pace.Unlock()
	switch command {
	case tellHush, tellSpeak:
		c.hushed = command == tellHush
	case tellSay:
		c.say(everyone)
	case tellMeasure:
		runtime.GC()
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	answer, _ := json.Marshal(measurement{Heap: int64(memory.HeapInuse), Running: runtime.NumGoroutine()})
	c.out.say("%s %s", sayDone, answer)
}
