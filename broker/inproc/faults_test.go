package inproc

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/spokehub/spokehub/broker"
)

func TestADeafEngineHearsAgainOnceItReconnects(t *testing.T) {
	n := New()
	from, _ := openEngine(t, n)
	e, got := openEngine(t, n)
	e.SetFaults(Faults{Deaf: true})
	publish(t, from, "unheard")
	appendTo(t, from, "unheard too")
	publish(t, e, "a deaf one still speaks")
	e.Reconnect("too quiet")
	publish(t, from, "heard")
	got.expect(t, "up", "down", "up", "lost: too quiet", "heard")
	if page := readPage(t, e); page.Top != 1 {
		t.Errorf("got the top %d, want the event of the stream kept", page.Top)
	}
}

func TestDropLosesTheNextMessagesWithoutAWord(t *testing.T) {
	n := New()
	from, all := openEngine(t, n)
	e, got := openEngine(t, n)
	e.SetFaults(Faults{Drop: 2})
	publish(t, from, "1", "2", "3")
	got.expect(t, "up", "3")
	all.expect(t, "up", "1", "2", "3")
}

func TestRepeatHasTheNextMessagesArriveTwice(t *testing.T) {
	n := New()
	from, all := openEngine(t, n)
	e, got := openEngine(t, n)
	e.SetFaults(Faults{Repeat: 2})
	publish(t, from, "1", "2", "3")
	got.expect(t, "up", "1", "1", "2", "2", "3")
	all.expect(t, "up", "1", "2", "3")
}

func TestFailedAppendsAreNotMadeAndTornOnesAre(t *testing.T) {
	n := New()
	e, got := openEngine(t, n)
	e.SetFaults(Faults{FailAppends: 1})
	if a := tryAppend(t, e, "k1", "failed"); !errors.Is(a.Err, broker.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", a.Err)
	}
	if page := readPage(t, e); page.Top != 0 {
		t.Errorf("got the top %d behind an append that failed, want 0", page.Top)
	}
	e.SetFaults(Faults{TearAppends: 1})
	if a := tryAppend(t, e, "k1", "torn"); !errors.Is(a.Err, broker.ErrUnavailable) || a.Position.Offset != 0 {
		t.Errorf("got %v at %v, want ErrUnavailable and no position", a.Err, a.Position)
	}
	if a := tryAppend(t, e, "k1", "again"); a.Err != nil || !a.Repeated || a.Position.Offset != 1 {
		t.Errorf("got %v at %v, repeated %v, want the position of the torn one", a.Err, a.Position, a.Repeated)
	}
	appendTo(t, e, "last")
	got.expect(t, "up", "torn", "last")
}

func TestADelayedCallEndsWithItsContext(t *testing.T) {
	e, _ := openEngine(t, New())
	e.SetFaults(Faults{Delay: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	a := &broker.Append{Policy: keepAll, Type: "s"}
	e.Append(ctx, []*broker.Append{a})
	_, read := e.Read(ctx, broker.Query{Policy: keepAll, Type: "s", Events: 1})
	_, tops := e.Tops(ctx, nil, "s")
	for name, err := range map[string]error{
		"Append": a.Err, "Read": read, "Tops": tops, "Subscribe": e.Subscribe(ctx, broker.Key{Type: "u"}),
		"Publish": e.Publish(ctx, []broker.Message{{Key: broker.Key{Type: "t"}}}),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want the error of the context", name, err)
		}
	}
	e.SetFaults(Faults{Delay: time.Millisecond})
	appendTo(t, e, "comes")
}

func TestAnEngineThatIsCutOffLosesWhatPasses(t *testing.T) {
	n := New()
	from, all := openEngine(t, n)
	e, got := openEngine(t, n)
	e.Hold(true, 0)
	publish(t, from, "on its way")
	e.Cut()
	e.Cut()
	e.Hold(false, 0)
	publish(t, from, "meanwhile")
	appendTo(t, from, "kept")
	_, read := e.Read(t.Context(), broker.Query{Policy: keepAll, Type: "s", Events: 1})
	_, tops := e.Tops(t.Context(), nil, "s")
	for name, err := range map[string]error{
		"Append": tryAppend(t, e, "", "x").Err, "Read": read, "Tops": tops, "Subscribe": e.Subscribe(t.Context(), broker.Key{Type: "u"}),
		"Publish": e.Publish(t.Context(), []broker.Message{{Key: broker.Key{Type: "t"}}}),
	} {
		if !errors.Is(err, broker.ErrUnavailable) {
			t.Errorf("%s: got %v, want ErrUnavailable", name, err)
		}
	}
	e.Heal()
	e.Heal()
	if err := from.Publish(t.Context(), []broker.Message{{Key: broker.Key{Type: "u"}, Data: []byte("of the key asked for meanwhile")}}); err != nil {
		t.Fatal(err)
	}
	got.expect(t, "up", "down", "up", "lost: cut off", "of the key asked for meanwhile")
	all.expect(t, "up", "on its way", "meanwhile", "kept")
	if page := readPage(t, e); page.Top != 1 {
		t.Errorf("got the top %d, want 1", page.Top)
	}
}

func TestAnEngineThatBeginsCutOffIsDownAtFirst(t *testing.T) {
	n := New()
	e, r := n.Engine(), &recorder{changed: make(chan struct{})}
	e.Cut()
	t.Cleanup(func() { _ = e.Close() })
	if err := e.Start(r); err != nil {
		t.Fatal(err)
	}
	if err := e.Start(r); err == nil {
		t.Error("got no error of a second Start, want one")
	}
	e.Heal()
	r.mu.Lock()
	first := append([]string(nil), r.lines...)
	r.mu.Unlock()
	if len(first) > 0 && first[0] != "down" {
		t.Errorf("got %q, want down first", first)
	}
	r.await(t, "lost: cut off")
}

func TestAHeldEngineLosesWhatItsQueueHasNoRoomFor(t *testing.T) {
	n := New()
	from, _ := openEngine(t, n)
	e, got := openEngine(t, n)
	e.Hold(true, 2)
	publish(t, from, "1", "2", "3", "4")
	e.Hold(false, 0)
	got.expect(t, "up", "1", "2", "lost: the queue was full")
	publish(t, from, "5")
	got.expect(t, "up", "1", "2", "lost: the queue was full", "5")
	e.Hold(true, 1)
	publish(t, from, "6", "7")
	e.Hold(false, 0)
	got.expect(t, "up", "1", "2", "lost: the queue was full", "5", "6", "lost: the queue was full")
}

func TestAWipedNetworkHasOtherEpochs(t *testing.T) {
	n := New()
	e, _ := openEngine(t, n)
	tryAppend(t, e, "k", "before")
	before := readPage(t, e)
	n.Wipe()
	a := tryAppend(t, e, "k", "after")
	if a.Repeated || a.Position.Offset != 1 || a.Position.Epoch == before.Epoch {
		t.Errorf("got %v, repeated %v, want the first event of an epoch that is not %q", a.Position, a.Repeated, before.Epoch)
	}
	if page := readPage(t, e); len(page.Entries) != 1 || string(page.Entries[0].Data) != "after" {
		t.Errorf("got the page %v, want the new event alone", page)
	}
}

func TestARegressTakesTheNewestEventsAndTheEpoch(t *testing.T) {
	n := New()
	e, _ := openEngine(t, n)
	appendTo(t, e, "1", "2")
	tryAppend(t, e, "k", "3")
	before := readPage(t, e)
	if got := n.Regress("s", 2); got != 2 {
		t.Errorf("got %d taken, want 2", got)
	}
	page := readPage(t, e)
	if page.Top != 1 || len(page.Entries) != 1 || page.Epoch == before.Epoch {
		t.Errorf("got the page %v, want one event of an epoch that is not %q", page, before.Epoch)
	}
	if a := tryAppend(t, e, "k", "3 again"); a.Repeated || a.Position.Offset != 2 {
		t.Errorf("got %v, repeated %v, want offset 2: the first event with the key is gone", a.Position, a.Repeated)
	}
	if n.Regress("s", 100) != 2 || n.Regress("none", 1) != 0 {
		t.Error("got other events taken than there are, want 2 and 0")
	}
}

func TestAFullNetworkTakesNoEvents(t *testing.T) {
	n := New()
	e, got := openEngine(t, n)
	n.SetFull(true)
	if a := tryAppend(t, e, "", "no"); !errors.Is(a.Err, broker.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", a.Err)
	}
	publish(t, e, "plain ones pass")
	n.SetFull(false)
	appendTo(t, e, "yes")
	got.expect(t, "up", "plain ones pass", "yes")
}

func TestARestartBreaksAllConnections(t *testing.T) {
	n := New()
	a, first := openEngine(t, n)
	b, second := openEngine(t, n)
	b.Hold(true, 0)
	publish(t, a, "on its way to some")
	first.expect(t, "up", "on its way to some")
	n.Restart()
	b.Hold(false, 0)
	publish(t, a, "behind")
	first.expect(t, "up", "on its way to some", "down", "up", "lost: restart", "behind")
	second.expect(t, "up", "down", "up", "lost: restart", "behind")
}

func TestARestartHealsNoEngineThatIsCutOff(t *testing.T) {
	n := New()
	from, all := openEngine(t, n)
	e, got := openEngine(t, n)
	e.Cut()
	n.Restart()
	publish(t, from, "not for who is cut off")
	if err := e.Subscribe(t.Context(), broker.Key{Type: "u"}); !errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable of an engine that is cut off still", err)
	}
	e.Heal()
	publish(t, from, "for all")
	got.expect(t, "up", "down", "up", "lost: cut off", "for all")
	all.expect(t, "up", "down", "up", "lost: restart", "not for who is cut off", "for all")
}
