package fanout

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/gobwas/ws"

	"github.com/spokehub/spokehub/netpoll"
)

const year = 365 * 24 * time.Hour

func TestRatesAllowWhatTheySayOverLongTimes(t *testing.T) {
	for name, c := range map[string]struct {
		perSecond, least int
		amount           func(*rand.Rand) int
		step             func(*rand.Rand) time.Duration
	}{
		"three a second, asked for all the time":  {3, 1, func(*rand.Rand) int { return 1 }, func(r *rand.Rand) time.Duration { return time.Duration(r.IntN(1e8)) }},
		"many a second, in small steps":           {1e6, 1, func(r *rand.Rand) int { return 1 + r.IntN(10) }, func(r *rand.Rand) time.Duration { return time.Duration(r.IntN(5000)) }},
		"bytes with a burst of many seconds":      {1000, 1 << 20, func(r *rand.Rand) int { return 1 + r.IntN(2000) }, func(r *rand.Rand) time.Duration { return time.Duration(r.IntN(1e9)) }},
		"the highest rate":                        {1 << 40, 1, func(*rand.Rand) int { return 64 << 10 }, func(r *rand.Rand) time.Duration { return time.Duration(r.IntN(50)) }},
		"the lowest rate with the greatest burst": {1, 1 << 30, func(*rand.Rand) int { return 64 << 10 }, func(r *rand.Rand) time.Duration { return time.Duration(r.IntN(1e13)) }},
	} {
		t.Run(name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(2, 8))
			limit := newRateLimit(c.perSecond, c.least)
			var a allowance
			var now time.Duration
			var granted float64
			for range 200000 {
				now += c.step(random)
				if amount := c.amount(random); a.spend(limit.cost(amount), limit.burst, now) {
					granted += float64(amount)
				}
			}
			most := (now + limit.burst).Seconds() * float64(c.perSecond)
			if granted > most*1.02 || granted < now.Seconds()*float64(c.perSecond)*0.98 && granted < 190000 {
				t.Errorf("got %g granted in %v, want %g at most and nearly that", granted, now, most)
			}
		})
	}
}

func TestRatesForgetHoweverLongASpokeIsIdle(t *testing.T) {
	limit := newRateLimit(10, 100)
	for _, idle := range []time.Duration{10 * time.Second, time.Hour, 1 << 34, 1 << 32 * 1000, year, 250 * year} {
		var a allowance
		if !a.spend(limit.cost(100), limit.burst, time.Second) || a.spend(limit.cost(1), limit.burst, time.Second) {
			t.Error("got more or less than the burst")
		}
		if now := time.Second + idle; !a.spend(limit.cost(100), limit.burst, now) || a.spend(limit.cost(1), limit.burst, now) {
			t.Errorf("after %v idle: got more or less than the burst", idle)
		}
	}
}

func TestRatesLetEveryMessageThatIsLegalByItselfPass(t *testing.T) {
	l := hubOf(t, Config{Reactors: 1, MaxMessage: 1 << 20, MaxTopics: 5000, MaxBytesPerSecond: 1, MaxControlsPerSecond: 1, MaxEventsPerSecond: 1})
	limits := l.hub.cfg.rates.Load()
	for name, c := range map[string]struct {
		limit  *rateLimit
		amount int
	}{
		"the bytes of the longest message": {&limits.bytes, 1<<20 + 14},
		"the most topics":                  {&limits.controls, 5000},
		"one frame":                        {&limits.frames, 1},
	} {
		var a allowance
		if !a.spend(c.limit.cost(c.amount), c.limit.burst, 0) {
			t.Errorf("%s: got it refused, want it let pass", name)
		}
		if a.spend(c.limit.cost(c.amount), c.limit.burst, 0) {
			t.Errorf("%s again: got it let pass, want it refused", name)
		}
	}
}

// stepWall moves the wall reading of a time forward by an hour and leaves its monotonic reading: to whoever measures by the wall clock, that
// clock has been set back.
func stepWall(t *testing.T, at *time.Time) {
	t.Helper()
	before, since := *at, time.Since(*at)
	wall := (*uint64)(unsafe.Pointer(at))
	*wall += 3600 << 30
	if got := at.Round(0).Sub(before.Round(0)); got != time.Hour {
		t.Fatalf("got a step of %v, want an hour", got)
	}
	if moved := time.Since(*at) - since; moved < 0 || moved > time.Minute {
		t.Fatalf("got the monotonic reading moved by %v", moved)
	}
}

// stepAll steps the times in a struct and in the structs in it, and says how many there were.
func stepAll(t *testing.T, v reflect.Value) (stepped int) {
	t.Helper()
	for i := range v.NumField() {
		field := v.Field(i)
		switch {
		case field.Type() == reflect.TypeFor[time.Time]():
			at := (*time.Time)(unsafe.Pointer(field.UnsafeAddr()))
			if !at.IsZero() {
				stepWall(t, at)
				stepped++
			}
		case field.Kind() == reflect.Struct:
			stepped += stepAll(t, field)
		}
	}
	return stepped
}

// countingHandler counts log lines of any level.
type countingHandler struct{ lines atomic.Int64 }

func (h *countingHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h *countingHandler) Handle(context.Context, slog.Record) error {
	h.lines.Add(1)
	return nil
}

func (h *countingHandler) WithAttrs([]slog.Attr) slog.Handler { return h }

func (h *countingHandler) WithGroup(string) slog.Handler { return h }

func TestAStepOfTheWallClockChangesNoRateNoDeadlineAndNoLogLimit(t *testing.T) {
	var lines countingHandler
	l := hubOf(t, Config{Reactors: 1, MaxEventsPerSecond: 50, MaxControlsPerSecond: 50, MaxBytesPerSecond: 1 << 20, PingInterval: minPingInterval,
		Logger: slog.New(&lines)})
	here, spoke := l.join()
	l.send(here, "{")
	l.until("a log line", func() bool { return lines.lines.Load() == 1 })
	spoke.loop.ask(func(r *netpoll.Reactor) {
		stepWall(t, &l.hub.log.began)
		if stepped := stepAll(t, reflect.ValueOf(r).Elem()); stepped == 0 {
			t.Error("got no time in a reactor, want its epoch")
		}
	})
	for range 10 {
		l.send(here, "{")
		l.send(here, `{"type":"__subscribe","payload":{"topic":"t"}}`)
	}
	l.until("all log lines", func() bool { return lines.lines.Load() == 11 })
	l.until("all control events", func() bool { return l.hub.Stats().ControlsIn == 10 })
	if got := l.hub.Stats().OverRate; got != 0 {
		t.Errorf("got %d spokes over the rate, want none", got)
	}
	if header, err := ws.ReadHeader(here); err != nil || header.OpCode != ws.OpPing {
		t.Errorf("got %v, %v, want a ping", header, err)
	}
}

func TestRatesOfASlotBeginAnewWithItsNextSpoke(t *testing.T) {
	l := hubOf(t, Config{Reactors: 1, MaxEventsPerSecond: 10})
	for range 3 {
		here, _ := l.join()
		for range 10 {
			l.send(here, `{"type":"t"}`)
		}
		_ = here.Close()
		l.until("the slot is free", func() bool { return l.hub.Stats().Connections == 0 })
	}
	if got := l.hub.Stats(); got.OverRate != 0 || got.EventsIn != 30 {
		t.Errorf("got %d over the rate and %d events, want none and 30", got.OverRate, got.EventsIn)
	}
}

func TestRatesAllowForWhatCameWhileTheHubDidNotRead(t *testing.T) {
	for name, c := range map[string]struct {
		notRead func(l *loop, s *Spoke)
		over    uint64
	}{
		"nothing did": {func(*loop, *Spoke) {}, 1},
		"because it had no room": {func(l *loop, s *Spoke) {
			l.beginGap(s)
			g := l.conns.gaps.of[s.conn.Slot]
			g.began -= 10 * time.Second
			l.conns.gaps.of[s.conn.Slot] = g
			l.endGap(s)
		}, 0},
		"because it was stopped": {func(l *loop, _ *Spoke) { l.conns.gaps.skipped -= 10 * time.Second }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			l := hubOf(t, Config{Reactors: 1, MaxEventsPerSecond: 50})
			here, spoke := l.join()
			spoke.loop.ask(func(*netpoll.Reactor) { c.notRead(spoke.loop, spoke) })
			go func() {
				for range 300 {
					if _, err := here.Write(ws.MustCompileFrame(ws.MaskFrameInPlace(ws.NewTextFrame([]byte("{"))))); err != nil {
						return
					}
				}
			}()
			l.until("all are read, or the spoke is closed", func() bool {
				st := l.hub.Stats()
				return st.MessagesIn == 300 || st.OverRate == 1
			})
			if got := l.hub.Stats().OverRate; got != c.over {
				t.Errorf("got %d spokes over the rate, want %d", got, c.over)
			}
		})
	}
}
