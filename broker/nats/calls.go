package nats

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// answerer is somebody who waits for answers. The calls below run under the lock of calls: they are quick and call nothing of the engine.
type answerer interface {
	// answer takes one, and says whether that was the last.
	answer(m *nats.Msg) (last bool)
	// fail says that none will come any more.
	fail(err error)
}

// calls are questions to the servers which have not been answered. All answers come by one subscription; the last token of their subject says
// to which question they belong. So any number of questions can be under way on the one connection, without a goroutine for each.
type calls struct {
	inbox   string
	mu      *sync.Mutex
	next    uint64
	waiting map[uint64]answerer
	// heard is when anything came last from the servers, in nanoseconds of the monotonic clock since began.
	heard *atomic.Int64
}

func newCalls(inbox string) calls {
	return calls{inbox: inbox, mu: new(sync.Mutex), waiting: map[uint64]answerer{}, heard: new(atomic.Int64)}
}

var began = time.Now()

// listen subscribes to the answers. What waits in the client library is bounded by what was asked for.
func (c *calls) listen(conn *nats.Conn) error {
	sub, err := conn.Subscribe(c.inbox+".*", c.take)
	if err != nil {
		return err
	}
	return sub.SetPendingLimits(-1, -1)
}

func (c *calls) take(m *nats.Msg) {
	c.heard.Store(int64(time.Since(began)))
	id, err := strconv.ParseUint(m.Subject[strings.LastIndexByte(m.Subject, '.')+1:], 36, 64)
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if a := c.waiting[id]; a != nil && a.answer(m) {
		delete(c.waiting, id)
	}
}

// await writes down who waits, and returns the subject for the answers.
func (c *calls) await(a answerer) (id uint64, reply string) {
	c.mu.Lock()
	c.next++
	id = c.next
	c.waiting[id] = a
	c.mu.Unlock()
	var space [64]byte
	b := append(append(space[:0], c.inbox...), '.')
	return id, string(strconv.AppendUint(b, id, 36))
}

// forget says that nobody waits any more. After it the answerer is not called.
func (c *calls) forget(id uint64) {
	c.mu.Lock()
	delete(c.waiting, id)
	c.mu.Unlock()
}

// failAll ends all questions with an error.
func (c *calls) failAll(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.waiting {
		a.fail(err)
	}
	clear(c.waiting)
}

// failSubject ends the questions that were sent to a subject, and the appends to the same stream if it is one for those, which begins with mark.
func (c *calls) failSubject(subject, mark string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	token := ""
	if rest, isAppend := strings.CutPrefix(subject, mark); isAppend {
		token, _, _ = strings.Cut(rest, ".")
	}
	for id, a := range c.waiting {
		isIt := false
		switch a := a.(type) {
		case *appending:
			isIt = token != "" && a.s.token == token
		case *one:
			isIt = a.subject == subject
		}
		if isIt {
			delete(c.waiting, id)
			a.fail(err)
		}
	}
}

// one waits for one answer to a question to a subject.
type one struct {
	subject string
	done    chan struct{}
	m       *nats.Msg
	err     error
}

func (o *one) answer(m *nats.Msg) bool { o.m = m; close(o.done); return true }

func (o *one) fail(err error) { o.err = err; close(o.done) }

// ask sends a question and does not wait for the answer. An error shows when it is awaited.
func (e *Engine) ask(subject string, body []byte) *asked {
	a := &asked{one: one{subject: subject, done: make(chan struct{})}}
	a.id = e.send(&a.one, subject, body)
	return a
}

// asked is a question that was sent.
type asked struct {
	one
	id uint64
}

// send sends a question for a. If that is not possible it fails a at once.
func (e *Engine) send(a answerer, subject string, body []byte) uint64 {
	return e.sendWith(a, subject, nil, body)
}

func (e *Engine) sendWith(a answerer, subject string, header nats.Header, body []byte) uint64 {
	if !e.link.there.Load() {
		e.calls.mu.Lock()
		defer e.calls.mu.Unlock()
		a.fail(errAway)
		return 0
	}
	id, reply := e.calls.await(a)
	if err := e.publishRaw(subject, reply, header, body); err != nil {
		e.calls.mu.Lock()
		defer e.calls.mu.Unlock()
		if e.calls.waiting[id] != nil {
			delete(e.calls.waiting, id)
			a.fail(err)
		}
	}
	return id
}

// wait returns the answer to a question.
func (e *Engine) wait(ctx context.Context, a *asked) (*nats.Msg, error) {
	select {
	case <-a.done:
		return a.m, a.err
	case <-ctx.Done():
		e.calls.forget(a.id)
		return nil, ctx.Err()
	}
}

// noResponders says whether an answer is the server's that nobody listens to the subject of the question.
func noResponders(m *nats.Msg) bool { return len(m.Data) == 0 && m.Header.Get("Status") == "503" }
