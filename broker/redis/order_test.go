package redis

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/internal/engines"
)

// gate passes connections on to a server. When it is armed it stops ahead of a call of a script, and lets that and what follows pass once the server has
// answered the calls ahead of it and a function has returned.
type gate struct {
	address string
	mu      sync.Mutex
	// ahead is how many calls pass; 0 says that the gate is not armed.
	ahead int
	// refused is how often the server did not know a script since then, changed is signalled when it is more, and do is the function.
	refused int
	changed *sync.Cond
	do      func()
}

// evalsha is in each call of a script by its hash.
var evalsha = []byte("$7\r\nEVALSHA\r\n")

func newGate(t *testing.T, server string) *gate {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{address: listener.Addr().String()}
	g.changed = sync.NewCond(&g.mu)
	var done sync.WaitGroup
	done.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", server)
			if err != nil {
				_ = near.Close()
				continue
			}
			done.Go(func() { pass(far, near, g.asked) })
			done.Go(func() { pass(near, far, g.answered) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		g.arm(0, nil)
		g.changed.Broadcast()
		done.Wait()
	})
	return g
}

// arm has the gate stop ahead of a call behind so many others.
func (g *gate) arm(ahead int, do func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ahead, g.refused, g.do = ahead, 0, do
}

// pass copies what comes, in the pieces that cut makes of it.
func pass(to, from net.Conn, cut func(pending []byte, send func([]byte)) (left []byte)) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buffer := make([]byte, 64<<10)
	var pending []byte
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		pending = cut(append(pending, buffer[:n]...), func(piece []byte) {
			if _, failed := to.Write(piece); failed != nil {
				err = failed
			}
		})
		if err != nil {
			return
		}
	}
}

func (g *gate) asked(pending []byte, send func([]byte)) []byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	calls := bytes.Count(pending, evalsha)
	if g.ahead == 0 || calls == 0 {
		send(pending)
		return nil
	}
	if calls <= g.ahead {
		return pending
	}
	at := 0
	for range g.ahead {
		at += bytes.Index(pending[at:], evalsha) + len(evalsha)
	}
	at += bytes.Index(pending[at:], evalsha)
	at = bytes.LastIndexByte(pending[:at], '*')
	send(pending[:at])
	for g.refused < g.ahead {
		g.changed.Wait()
	}
	if g.ahead > 0 {
		g.ahead = 0
		g.do()
	}
	send(pending[at:])
	return nil
}

func (g *gate) answered(pending []byte, send func([]byte)) []byte {
	send(pending)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refused += bytes.Count(pending, []byte("-NOSCRIPT"))
	g.changed.Broadcast()
	return nil
}

// loadByAppending has another hub give the server the script that appends.
func loadByAppending(ctx context.Context, e *Engine) error {
	a := &broker.Append{Policy: keepAll, Type: "elsewhere", Data: message("loads the script")}
	e.Append(ctx, []*broker.Append{a})
	return a.Err
}

func TestEventThatALaterOneOfItsTypeHasOvertakenFails(t *testing.T) {
	server := engines.Redis(t, engines.RedisOptions{})
	g := newGate(t, server.Address)
	e, _ := connect(t, "redis://"+g.address)
	other, _ := connect(t, server.URL)
	server.Do("script", "flush")
	loaded := make(chan error, 1)
	g.arm(2, func() { loaded <- loadByAppending(within(t), other) })
	batch := []*broker.Append{
		{Policy: keepAll, Type: "price", Key: "key of the first", Data: message("first")},
		{Policy: keepAll, Type: "trade", Data: message("alone")},
		{Policy: keepAll, Type: "price", Data: message("second")},
		{Policy: keepAll, Type: "price", Data: message("third")},
	}
	e.Append(within(t), batch)
	if err := <-loaded; err != nil {
		t.Fatal(err)
	}
	if err := batch[0].Err; !errors.Is(err, broker.ErrUnavailable) || !strings.Contains(err.Error(), "a later event of the type") {
		t.Errorf("got %v and the position %v of an event that was overtaken, want ErrUnavailable and why", err, batch[0].Position)
	}
	for i, a := range batch[1:] {
		if want := []uint64{1, 1, 2}[i]; a.Err != nil || a.Position.Offset != want {
			t.Errorf("got %v, %v of event %d, want offset %d", a.Position, a.Err, i+1, want)
		}
	}
	again := &broker.Append{Policy: keepAll, Type: "price", Key: "key of the first", Data: message("first")}
	if e.Append(within(t), []*broker.Append{again}); again.Err != nil || again.Repeated || again.Position.Offset != 3 {
		t.Errorf("got %+v of the event that had failed, want it behind the others", again)
	}
	if got := strings.Join(bodies(t, read(t, e, broker.Query{Type: "price", Events: 10})), ","); got != "second,third,first" {
		t.Errorf("got %q, want the order in which they were taken", got)
	}
}

func TestEventThatFailsAsItWasOvertakenHasTheKeyOfTheOneThatHasOvertakenIt(t *testing.T) {
	server := engines.Redis(t, engines.RedisOptions{})
	g := newGate(t, server.Address)
	e, _ := connect(t, "redis://"+g.address)
	other, _ := connect(t, server.URL)
	server.Do("script", "flush")
	loaded := make(chan error, 1)
	g.arm(1, func() { loaded <- loadByAppending(within(t), other) })
	once := func() *broker.Append {
		return &broker.Append{Policy: keepAll, Type: "price", Key: "key", Data: message("once")}
	}
	batch := []*broker.Append{once(), once()}
	e.Append(within(t), batch)
	if err := <-loaded; err != nil {
		t.Fatal(err)
	}
	if !errors.Is(batch[0].Err, broker.ErrUnavailable) || batch[1].Err != nil || batch[1].Repeated {
		t.Fatalf("got %+v and %+v, want that the first fails and the second is appended", batch[0], batch[1])
	}
	again := once()
	if e.Append(within(t), []*broker.Append{again}); again.Err != nil || !again.Repeated || again.Position != batch[1].Position {
		t.Errorf("got %+v, want that it repeats %v", again, batch[1].Position)
	}
}

func TestNewLinkOfAClusterLoadsScripts(t *testing.T) {
	c := engines.StartRedisCluster(t, engines.RedisOptions{})
	_, r := connect(t, c.URL)
	server := c.Nodes[0]
	exist := []string{"script", "exists"}
	for _, s := range scripts {
		exist = append(exist, s.sha)
	}
	server.Do("script", "flush")
	server.Do("client", "kill", "type", "pubsub")
	r.awaitNotes(t, 1, "down ", "up", "lost reconnected")
	if got := server.Do(exist...); got != "1\n1\n1" {
		t.Errorf("got %q of %v once the link is there again, want that each is known", got, exist)
	}
}
