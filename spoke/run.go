package spoke

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/coder/websocket"
)

// run is the run goroutine. first is the connection that Dial has made, if it has. If a listener or callback ends the goroutine, the client
// ends, too.
func (c *Client) run(first *link) {
	returned := false
	defer func() {
		if !returned {
			go c.abandon()
		}
	}()
	c.connectAndServe(first)
	returned = true
}

// abandon ends a client whose run goroutine is no more.
func (c *Client) abandon() {
	c.mu.Lock()
	l := c.link
	c.mu.Unlock()
	if l != nil {
		c.leave(l, errExited)
	}
	c.end(errExited)
}

// connectAndServe has one connection behind the other until the client ends.
func (c *Client) connectAndServe(first *link) {
	l, attempt, tokenTried := first, 0, false
	var err error
	for {
		if l == nil {
			l, err = c.connectAndTell(c.signals.ctx, State{Attempt: attempt, Err: err})
		}
		if l != nil {
			err = c.serve(l)
			if time.Since(l.since) >= c.cfg.HealthyAfter {
				attempt, tokenTried = 0, false
			}
			l = nil
		}
		delay, goOn := c.after(err, attempt, tokenTried)
		if !goOn {
			c.end(err)
			return
		}
		tokenTried = tokenTried || courseOf(err) == comeBackWithNewToken
		attempt++
		if delay > 0 {
			c.tell(State{Phase: Waiting, Attempt: attempt, RetryIn: delay, Err: err})
			c.wait(delay)
		}
	}
}

// connectAndTell makes one attempt to connect. was is the state ahead of it.
func (c *Client) connectAndTell(ctx context.Context, was State) (*link, error) {
	was.Phase = Connecting
	c.tell(was)
	l, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	l.busy.Store(true)
	if !c.take(l) {
		l.ws.CloseNow()
		return nil, ErrClosed
	}
	c.tell(State{Phase: Connected, Attempt: was.Attempt})
	l.busy.Store(false)
	c.wakeWriter()
	return l, nil
}

// take makes l the client's connection, unless the client is closed by now.
func (c *Client) take(l *link) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing {
		return false
	}
	c.link = l
	c.signals.forgetAgain()
	c.stats.Connections++
	c.topics.connect()
	c.presence.connect()
	c.token.begin(c, l)
	return true
}

// forgetAgain is for a new attempt: it is what calls of Reconnect so far have asked for.
func (s *signals) forgetAgain() {
	select {
	case <-s.again:
	default:
	}
}

// serve is the life of a connection. It returns why that ended.
func (c *Client) serve(l *link) error {
	err := c.read(l)
	c.leave(l, err)
	return err
}

// leave ends a connection. cause is why.
func (c *Client) leave(l *link, cause error) {
	c.mu.Lock()
	c.link = nil
	c.requests.open = nil
	c.topics.disconnect()
	c.presence.disconnect()
	c.token.end()
	c.flushes.connectionLost(&c.outbox)
	c.signalRoom()
	c.mu.Unlock()
	l.giveUp(cause)
	l.ws.CloseNow()
}

// signalRoom tells those who wait for room in the outbox. The caller holds mu.
func (c *Client) signalRoom() {
	if c.room != nil {
		close(c.room)
		c.room = nil
	}
}

// causeOf turns the error of a read into what the caller of the package gets. A close that the hub has sent is ahead of a write that
// failed because of it.
func (c *Client) causeOf(l *link, err error) error {
	own := l.cause.Load()
	if own != nil && errors.Is(*own, errReconnect) {
		return *own
	}
	if closed, ok := errors.AsType[websocket.CloseError](err); ok {
		return &CloseError{Code: int(closed.Code), Reason: closed.Reason}
	}
	if own != nil {
		return &CloseError{Code: codeLost, Err: *own}
	}
	if errors.Is(err, websocket.ErrMessageTooBig) {
		return fmt.Errorf("spoke: a message of the hub is longer than Config.MaxMessage, %d bytes: %w", c.cfg.MaxMessage, err)
	}
	return &CloseError{Code: codeLost, Err: plainCause(err)}
}

// courseOf is what to do behind an error of connect or serve.
func courseOf(err error) course {
	if closed, ok := errors.AsType[*CloseError](err); ok {
		return closed.course()
	}
	if failed, ok := errors.AsType[*ConnectError](err); ok {
		return failed.course()
	}
	if errors.Is(err, errReconnect) {
		return comeBack
	}
	return stop
}

// after says whether to come back, and when.
func (c *Client) after(err error, attempt int, tokenTried bool) (delay time.Duration, goOn bool) {
	if c.isClosing() {
		return 0, false
	}
	switch courseOf(err) {
	case stop:
		return 0, false
	case comeBackWithNewToken:
		return 1 + rand.N(c.cfg.MinDelay), c.cfg.GetToken != nil && !tokenTried
	}
	if errors.Is(err, errReconnect) {
		c.signals.forgetAgain()
		return 0, true
	}
	if closed, ok := errors.AsType[*CloseError](err); ok {
		if hint, hinted := closed.hint(); hinted && hint > 0 {
			return 1 + hint, true
		}
	}
	if failed, ok := errors.AsType[*ConnectError](err); ok && failed.RetryAfter > 0 {
		return failed.RetryAfter + rand.N(time.Second), true
	}
	return backoff(attempt, c.cfg.MinDelay, c.cfg.MaxDelay), true
}

// wait returns after the delay, or when Reconnect or Close is called.
func (c *Client) wait(delay time.Duration) {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.signals.again:
	case <-c.signals.ctx.Done():
	}
}

func (c *Client) isClosing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing
}

// end is the end of the client. err is why, unless Close was called.
func (c *Client) end(err error) {
	c.closed.Store(true)
	c.mu.Lock()
	told := State{Phase: Closed, Err: err}
	c.err = err
	if c.closing {
		c.err, told.Err = ErrClosed, nil
	}
	c.signalRoom()
	c.mu.Unlock()
	c.signals.cancel()
	c.wakeWriter()
	<-c.signals.written
	c.signals.renewals.Wait()
	defer close(c.signals.ended)
	c.tell(told)
}

// Close sends what is queued, if there is a connection, and ends it with a close handshake. It returns when that is done, after
// Config.CloseTimeout at most; an *UnsentError says that events were left. From its call on no listener is called and nothing is
// taken. It may be called by a listener, and does not wait for one that is under way: Done does. Further calls only wait, too.
func (c *Client) Close() error {
	c.closed.Store(true)
	c.mu.Lock()
	c.closing = true
	l := c.link
	c.mu.Unlock()
	c.wakeWriter()
	if l != nil {
		defer time.AfterFunc(c.cfg.CloseTimeout, func() { l.giveUp(context.DeadlineExceeded) }).Stop()
	}
	<-c.signals.written
	c.mu.Lock()
	defer c.mu.Unlock()
	if unsent := len(c.outbox.messages); unsent > 0 {
		return &UnsentError{Events: unsent}
	}
	return nil
}
