package fanout_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spokehub/spokehub/fanout"
)

// clockedHub is a hub in the bubble of a test whose time is fake.
type clockedHub struct {
	t     *testing.T
	hub   *fanout.Hub
	began time.Time
	// connected and gone count calls of OnConnection and OnDisconnection. cause is that of the last.
	connected, gone atomic.Int64
	cause           atomic.Value
}

func newClockedHub(t *testing.T, cfg fanout.Config) *clockedHub {
	t.Helper()
	h := &clockedHub{t: t, began: time.Now()}
	cfg.Engine, cfg.Reactors = fanout.EngineGoroutine, 1
	cfg.OnConnection = func(*fanout.Spoke, net.Conn) { h.connected.Add(1) }
	cfg.OnDisconnection = func(_ *fanout.Spoke, _ net.Conn, cause fanout.Cause) {
		h.cause.Store(cause)
		h.gone.Add(1)
	}
	if cfg.OnAuth == nil {
		cfg.OnAuth = func(ctx context.Context, s *fanout.Spoke, token string) (fanout.Identity, error) {
			switch token {
			case "hangs":
				<-ctx.Done()
				return fanout.Identity{User: "alice"}, nil
			case "never":
				return fanout.Identity{User: "alice"}, nil
			}
			if left, err := time.ParseDuration(token); err == nil {
				return fanout.Identity{User: "alice", Expires: h.at(left)}, nil
			}
			return onAuth(ctx, s, token)
		}
	}
	hub, err := fanout.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	h.hub = hub
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_ = hub.Shutdown(ctx)
	})
	return h
}

// at is a moment on the wall clock, without a monotonic reading, as a token has it.
func (h *clockedHub) at(d time.Duration) time.Time { return h.began.Add(d).Round(0) }

func (h *clockedHub) join() (*client, *fanout.Spoke) {
	h.t.Helper()
	here, there := net.Pipe()
	spoke, err := h.hub.AddUnidentified(there)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { here.Close() })
	c := newClient(h.t, here)
	_ = here.SetDeadline(time.Time{})
	return c, spoke
}

// clockedEnd is how a client was closed, and when.
type clockedEnd struct {
	after  time.Duration
	code   uint16
	reason string
}

// watch answers pings until the hub closes the client.
func (h *clockedHub) watch(c *client) <-chan clockedEnd {
	ended := make(chan clockedEnd, 1)
	go func() {
		for {
			f, err := c.next()
			switch {
			case err != nil:
				ended <- clockedEnd{time.Since(h.began), 0, err.Error()}
				return
			case f.op == opPing:
				go func() { _, _ = c.conn.Write(clientFrame(fin|opPong, f.payload)) }()
			case f.op == opClose:
				ended <- clockedEnd{time.Since(h.began), uint16(f.payload[0])<<8 | uint16(f.payload[1]), f.payload[2:]}
				c.conn.Close()
				return
			}
		}
	}()
	return ended
}

const (
	inNoTime = `{"reason":"no identity in time"}`
	expired  = `{"reason":"identity expired"}`
)

func TestASpokeIsClosedWhenItsIdentityIsOverdueOrExpires(t *testing.T) {
	sends := func(after time.Duration, token string) func(h *clockedHub, c *client, s *fanout.Spoke) {
		return func(h *clockedHub, c *client, _ *fanout.Spoke) {
			time.Sleep(time.Until(h.began.Add(after)))
			c.text(authOf("1", token))
		}
	}
	all := func(steps ...func(h *clockedHub, c *client, s *fanout.Spoke)) func(h *clockedHub, c *client, s *fanout.Spoke) {
		return func(h *clockedHub, c *client, s *fanout.Spoke) {
			for _, step := range steps {
				step(h, c, s)
			}
		}
	}
	sets := func(after, expires time.Duration) func(h *clockedHub, c *client, s *fanout.Spoke) {
		return func(h *clockedHub, c *client, s *fanout.Spoke) {
			time.Sleep(time.Until(h.began.Add(after)))
			i := fanout.Identity{User: "alice"}
			if expires > 0 {
				i.Expires = h.at(expires)
			}
			if err := s.SetIdentity(i); err != nil {
				h.t.Errorf("set identity: %v", err)
			}
		}
	}
	closes := func(after time.Duration) func(h *clockedHub, c *client, s *fanout.Spoke) {
		return func(h *clockedHub, c *client, s *fanout.Spoke) {
			time.Sleep(time.Until(h.began.Add(after)))
			s.Close(fanout.CodeNormal, "")
		}
	}
	begins := func(_ *clockedHub, c *client, _ *fanout.Spoke) {
		c.write(clientFrame(opText, `{"type":"t",`))
	}
	drains := func(h *clockedHub, _ *client, _ *fanout.Spoke) {
		go func() { _ = h.hub.Shutdown(h.t.Context()) }()
	}
	quiet := fanout.Config{PingInterval: -1}
	for name, test := range map[string]struct {
		cfg    fanout.Config
		does   func(h *clockedHub, c *client, s *fanout.Spoke)
		want   clockedEnd
		called int64
	}{
		"overdue when it sends nothing":                         {fanout.Config{}, all(), clockedEnd{10 * time.Second, 4401, inNoTime}, 0},
		"overdue where nobody is pinged":                        {quiet, all(), clockedEnd{10 * time.Second, 4401, inNoTime}, 0},
		"overdue after HandshakeTimeout":                        {fanout.Config{HandshakeTimeout: time.Second}, all(), clockedEnd{time.Second, 4401, inNoTime}, 0},
		"overdue when its tokens are bad":                       {fanout.Config{}, all(sends(0, "a bad"), sends(1, "b bad")), clockedEnd{10 * time.Second, 4401, inNoTime}, 0},
		"overdue when OnAuth takes too long":                    {fanout.Config{}, sends(time.Second, "hangs"), clockedEnd{10 * time.Second, 4401, inNoTime}, 0},
		"overdue in a drain":                                    {fanout.Config{DrainPeriod: 24 * time.Hour}, drains, clockedEnd{10 * time.Second, 4401, inNoTime}, 0},
		"not overdue when it is identified":                     {fanout.Config{}, all(sends(0, "never"), closes(time.Hour)), clockedEnd{time.Hour, 1000, ""}, 1},
		"not overdue when the embedder identifies it":           {quiet, all(sets(0, 0), closes(time.Hour)), clockedEnd{time.Hour, 1000, ""}, 1},
		"expired when the time has come":                        {fanout.Config{}, sends(0, "60s"), clockedEnd{time.Minute, 4401, expired}, 1},
		"expired where nobody is pinged":                        {quiet, sends(0, "60s"), clockedEnd{time.Minute, 4401, expired}, 1},
		"expired soon":                                          {quiet, sends(0, "1s"), clockedEnd{time.Second, 4401, expired}, 1},
		"expired after more than a day":                         {quiet, sends(0, "50h"), clockedEnd{50 * time.Hour, 4401, expired}, 1},
		"expired later when it is renewed":                      {fanout.Config{}, all(sends(0, "60s"), sends(50*time.Second, "90s")), clockedEnd{90 * time.Second, 4401, expired}, 1},
		"expired later where nobody is pinged":                  {quiet, all(sends(0, "60s"), sends(50*time.Second, "90s")), clockedEnd{90 * time.Second, 4401, expired}, 1},
		"expired never when it is renewed for good":             {quiet, all(sends(0, "60s"), sends(50*time.Second, "never"), closes(time.Hour)), clockedEnd{time.Hour, 1000, ""}, 1},
		"expired at the old time when the renewal is rejected":  {fanout.Config{}, all(sends(0, "60s"), sends(50*time.Second, "alice bad")), clockedEnd{time.Minute, 4401, expired}, 1},
		"expired at the old time when the renewal is too slow":  {fanout.Config{}, all(sends(0, "60s"), sends(55*time.Second, "hangs")), clockedEnd{time.Minute, 4401, expired}, 1},
		"expired earlier when the embedder says so":             {fanout.Config{}, all(sends(0, "60s"), sets(10*time.Second, 20*time.Second)), clockedEnd{20 * time.Second, 4401, expired}, 1},
		"expired in a drain":                                    {fanout.Config{DrainPeriod: 24 * time.Hour}, all(sends(0, "60s"), sets(time.Second, time.Minute), drains), clockedEnd{time.Minute, 4401, expired}, 1},
		"expired in a drain, earlier than it was":               {fanout.Config{DrainPeriod: 24 * time.Hour}, all(sends(0, "60s"), drains, sets(10*time.Second, 20*time.Second)), clockedEnd{20 * time.Second, 4401, expired}, 1},
		"expired in a drain, later than it was":                 {fanout.Config{DrainPeriod: 24 * time.Hour}, all(sends(0, "20s"), sets(time.Second, 20*time.Second), drains, sends(10*time.Second, "60s")), clockedEnd{time.Minute, 4401, expired}, 1},
		"expired behind the time for an unfinished message":     {fanout.Config{PingInterval: -1, MessageTimeout: 30 * time.Second}, all(sends(0, "60s"), begins), clockedEnd{30 * time.Second, 1008, ""}, 1},
		"expired ahead of the time for an unfinished message":   {quiet, all(sends(0, "20s"), begins), clockedEnd{20 * time.Second, 4401, expired}, 1},
		"overdue ahead of the time for an unfinished message":   {quiet, begins, clockedEnd{10 * time.Second, 4401, inNoTime}, 0},
		"overdue behind the time for an unfinished message":     {fanout.Config{PingInterval: -1, MessageTimeout: 5 * time.Second}, begins, clockedEnd{5 * time.Second, 1008, ""}, 0},
		"closed by a rate, as any other, while it has no token": {fanout.Config{MaxEventsPerSecond: 1}, begins, clockedEnd{10 * time.Second, 4401, inNoTime}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newClockedHub(t, test.cfg)
				c, spoke := h.join()
				ended := h.watch(c)
				test.does(h, c, spoke)
				got := <-ended
				if test.want.code == fanout.CodePolicy {
					got.reason = ""
				}
				late := got.after - test.want.after
				got.after = test.want.after
				if got != test.want || late < 0 || late > 300*time.Millisecond {
					t.Errorf("got %+v, %v late, want %+v", got, late, test.want)
				}
				synctest.Wait()
				expect(t, "calls of OnConnection", h.connected.Load(), test.called)
				expect(t, "calls of OnDisconnection", h.gone.Load(), test.called)
				if cause, _ := h.cause.Load().(fanout.Cause); test.called == 1 && (cause.Code != test.want.code || cause.Code == 4401 && cause.Kind != fanout.CauseUnauthenticated) {
					t.Errorf("got the cause %v, want the code %d", cause, test.want.code)
				}
				expect(t, "tenures", h.hub.Tenures(), 0)
			})
		})
	}
}

func TestManyIdentitiesThatExpireAtOnceAreAllClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many = 1000
		h := newClockedHub(t, fanout.Config{})
		var ends []<-chan clockedEnd
		for range many {
			c, _ := h.join()
			ends = append(ends, h.watch(c))
			c.text(authOf("", "60s"))
		}
		for _, ended := range ends {
			if got := <-ended; got.code != fanout.CodeUnauthorized || got.after < time.Minute || got.after > 62*time.Second {
				t.Fatalf("got %+v, want 4401 after a minute", got)
			}
		}
		expect(t, "unauthenticated", h.hub.Stats().Unauthenticated, many)
	})
}

func TestOnAuthHasHandshakeTimeoutAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newClockedHub(t, fanout.Config{HandshakeTimeout: 3 * time.Second})
		c, spoke := h.join()
		ended := h.watch(c)
		c.text(authOf("1", "never"))
		time.Sleep(time.Minute)
		c.text(authOf("2", "hangs"))
		time.Sleep(3*time.Second + time.Millisecond)
		synctest.Wait()
		expect(t, "renewals", h.hub.Stats().AuthsAccepted, 2)
		spoke.Close(fanout.CodeNormal, "")
		<-ended
	})
}

// expireSoon gives a spoke an identity that is good for no longer than it must be to be taken.
func expireSoon(t testing.TB, s *fanout.Spoke, user string) {
	t.Helper()
	err := fanout.ErrIdentityExpired
	for soon := 20 * time.Millisecond; errors.Is(err, fanout.ErrIdentityExpired); soon *= 2 {
		err = s.SetIdentity(fanout.Identity{User: user, Expires: time.Now().Add(soon)})
	}
	if err != nil {
		t.Fatalf("set identity: %v", err)
	}
}
