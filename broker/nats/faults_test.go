package nats

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/internal/engines"
	"github.com/spokehub/spokehub/stream"
)

func TestKilledServerIsFoundAndAllIsRestored(t *testing.T) {
	s := engines.NATS(t, engines.NATSOptions{})
	a, told := connect(t, s)
	order := broker.Key{Kind: broker.Stream, Type: "order"}
	subscribe(t, a, plain("price", ""), plain("user", "7"), order)
	list := events(kept, "order", "1", "2")
	appendAll(t, a, list)
	told.awaitDeliveries(t, 2)
	s.Kill()
	told.awaitNotes(t, 1, "down ")
	late := plain("late", "")
	if err := a.Subscribe(t.Context(), late); !errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("got %v of Subscribe while the server is away, want ErrUnavailable", err)
	}
	if err := a.Unsubscribe(t.Context(), plain("user", "7")); err != nil {
		t.Errorf("got %v of Unsubscribe while the server is away", err)
	}
	if err := a.Publish(t.Context(), []broker.Message{{Key: late}}); !errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("got %v of Publish while the server is away, want ErrUnavailable", err)
	}
	failed := events(kept, "order", "no")
	a.Append(t.Context(), failed)
	if !errors.Is(failed[0].Err, broker.ErrUnavailable) {
		t.Errorf("got %v of Append while the server is away, want ErrUnavailable", failed[0].Err)
	}
	s.Restart()
	told.awaitNotes(t, 1, "down ", "up", "lost reconnected")
	b, _ := connect(t, s)
	publish(t, b, plain("user", "7"), "unwanted")
	publish(t, b, late, "late")
	publish(t, b, plain("price", "x"), "price")
	next := events(kept, "order", "3")
	appendAll(t, b, next)
	got := told.awaitDeliveries(t, 5)
	if string(got[2].Data) != "late" || string(got[3].Data) != "price" || got[4].Position != (event.Position{Epoch: list[0].Position.Epoch, Offset: 3}) {
		t.Errorf("got %v after the restart, want what is subscribed and the stream to go on", got[2:])
	}
}

func TestFrozenServerIsFound(t *testing.T) {
	s := engines.NATS(t, engines.NATSOptions{})
	a, told := connect(t, s)
	subscribe(t, a, plain("price", ""))
	s.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := a.Subscribe(ctx, plain("other", "")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v of a frozen server, want the context's error", err)
	}
	told.awaitNotes(t, 1, "down ")
	s.Continue()
	told.awaitNotes(t, 1, "down ", "up", "lost reconnected")
	b, _ := connect(t, s)
	publish(t, b, plain("other", ""), "1")
	publish(t, b, plain("price", ""), "2")
	told.awaitDeliveries(t, 2)
}

func TestPublishToAFrozenServerEnds(t *testing.T) {
	s := engines.NATS(t, engines.NATSOptions{})
	a, told := connect(t, s)
	s.Stop()
	large := make([]byte, 1<<20)
	var err error
	for err == nil {
		err = a.Publish(t.Context(), []broker.Message{{Key: plain("price", ""), Data: large}})
	}
	if !errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	told.awaitNotes(t, 1, "down ")
	s.Continue()
	told.awaitNotes(t, 1, "down ", "up", "lost ")
}

func TestReconnectMakesANewConnection(t *testing.T) {
	s := engines.NATS(t, engines.NATSOptions{})
	a, told := connect(t, s)
	subscribe(t, a, plain("price", ""))
	a.Reconnect("a test wants it")
	told.awaitNotes(t, 1, "down ", "up", "lost ")
	told.mu.Lock()
	if down := told.notes[1]; !strings.Contains(down, "a test wants it") {
		t.Errorf("got %q, want the reason in it", down)
	}
	told.mu.Unlock()
	publish(t, a, plain("price", ""), "1")
	told.awaitDeliveries(t, 1)
}

func TestEngineWaitsForAServerThatIsNotThereYet(t *testing.T) {
	s := engines.NATS(t, engines.NATSOptions{})
	s.Kill()
	a, told := open(t, Config{URLs: []string{s.URL}})
	told.awaitNotes(t, 0, "down ")
	if err := a.Subscribe(t.Context(), plain("price", "")); !errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	s.Restart()
	told.awaitNotes(t, 0, "down ", "up")
	publish(t, a, plain("price", ""), "1")
	told.awaitDeliveries(t, 1)
	if told.noted() > 2 {
		for _, note := range told.notes {
			if strings.HasPrefix(note, "lost") {
				t.Errorf("got %q of the first connection, want nothing lost", note)
			}
		}
	}
}

func TestWipedStoreBeginsANewEpoch(t *testing.T) {
	s := engines.NATS(t, engines.NATSOptions{})
	a, told := connect(t, s)
	list := events(kept, "order", "1", "2", "3")
	appendAll(t, a, list)
	s.Kill()
	if err := os.RemoveAll(filepath.Join(s.Store, "jetstream")); err != nil {
		t.Fatal(err)
	}
	s.Restart()
	told.awaitNotes(t, 1, "down ", "up", "lost reconnected")
	again := events(kept, "order", "4")
	appendAll(t, a, again)
	if got, before := again[0].Position, list[0].Position; got.Offset != 1 || got.Epoch == before.Epoch || !event.ValidEpoch(got.Epoch) {
		t.Errorf("got the position %v behind %v, want offset 1 of a new epoch", got, before)
	}
	if page := readPage(t, a, broker.Query{Policy: kept, Type: "order", Events: 10}); page.Epoch != again[0].Position.Epoch || len(page.Entries) != 1 {
		t.Errorf("got %+v, want one event of the new epoch", page)
	}
}

// regress takes a server's store back to where it was before change.
func regress(t *testing.T, s *engines.NATSServer, change func()) {
	t.Helper()
	store, before := filepath.Join(s.Store, "jetstream"), filepath.Join(t.TempDir(), "before")
	s.Kill()
	if err := os.CopyFS(before, os.DirFS(store)); err != nil {
		t.Fatal(err)
	}
	s.Restart()
	change()
	s.Kill()
	if err := errors.Join(os.RemoveAll(store), os.CopyFS(store, os.DirFS(before))); err != nil {
		t.Fatal(err)
	}
	s.Restart()
}

func TestStoreThatWentBackBeginsAnEpochThatAllAgreeOn(t *testing.T) {
	s := engines.NATS(t, engines.NATSOptions{})
	a, toldA := connect(t, s)
	b, toldB := connect(t, s)
	c, toldC := connect(t, s)
	for _, e := range []*Engine{a, b} {
		subscribe(t, e, broker.Key{Kind: broker.Stream, Type: "order"})
	}
	old := events(kept, "order", texts(10, "old %d")...)
	appendAll(t, a, old)
	regress(t, s, func() {
		for _, told := range []*recorder{toldA, toldB, toldC} {
			told.awaitNotes(t, 1, "down ", "up", "lost ")
		}
		appendAll(t, c, events(kept, "order", texts(10, "lost %d")...))
		for _, e := range []*Engine{a, b} {
			tops, err := e.Tops(t.Context(), nil, "order")
			if err != nil || tops[0].Offset != 20 {
				t.Fatalf("got the tops %v, %v, want offset 20", tops, err)
			}
		}
	})
	for _, told := range []*recorder{toldA, toldB, toldC} {
		told.awaitNotes(t, 1, "down ", "up", "lost ", "down ", "up", "lost ")
	}
	list := events(kept, "order", "new")
	appendAll(t, c, list)
	epoch := list[0].Position.Epoch
	if list[0].Position.Offset != 11 || epoch == old[0].Position.Epoch || !event.ValidEpoch(epoch) {
		t.Fatalf("got the position %v behind %v, want offset 11 of a new epoch", list[0].Position, old[9].Position)
	}
	for _, e := range []*Engine{a, b, c} {
		tops, err := e.Tops(t.Context(), nil, "order")
		if err != nil || tops[0] != list[0].Position {
			t.Errorf("got the tops %v, %v, want %v", tops, err, list[0].Position)
		}
	}
	toldA.await(t, "the new event with its epoch", func() bool {
		last := toldA.deliveries[len(toldA.deliveries)-1]
		return string(last.Data) == "new" && last.Position == list[0].Position
	})
}

func TestEpochsAreCountedOn(t *testing.T) {
	for old, want := range map[string]string{"abc": "abc-1", "abc-1": "abc-2", "abc-9": "abc-10", "a-b": "a-b-1"} {
		if got := nextEpoch(old); got != want && !event.ValidEpoch(got) || strings.Count(old, "-") == 0 && got != want {
			t.Errorf("got %q behind %q, want %q", got, old, want)
		}
	}
	if got := nextEpoch(strings.Repeat("x", 32)); !event.ValidEpoch(got) || got == strings.Repeat("x", 32) {
		t.Errorf("got %q behind a long one, want another valid one", got)
	}
}

func TestWhatTheServerRefusesIsSaidWithWhatToDo(t *testing.T) {
	small := engines.NATS(t, engines.NATSOptions{MaxPayload: 2000})
	full := engines.NATS(t, engines.NATSOptions{MaxStore: 1 << 20})
	none := engines.NATS(t, engines.NATSOptions{NoJetStream: true})
	large := bytes.Repeat([]byte("x"), 3000)
	for name, c := range map[string]struct {
		server *engines.NATSServer
		data   []byte
		is     error
		says   string
	}{
		"an event over max_payload": {small, large, broker.ErrTooLong, "max_payload"},
		"a stream without room":     {full, []byte("x"), broker.ErrUnavailable, "max_file_store"},
		"a stream without anybody":  {none, []byte("x"), broker.ErrUnavailable, "-js"},
	} {
		t.Run(name, func(t *testing.T) {
			e, _ := connect(t, c.server)
			list := []*broker.Append{{Policy: kept, Type: "order", Data: c.data}}
			e.Append(t.Context(), list)
			if err := list[0].Err; !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %v with %q", err, c.is, c.says)
			}
		})
	}
	e, _ := connect(t, small)
	if err := e.Publish(t.Context(), []broker.Message{{Key: plain("a", ""), Data: large}}); !errors.Is(err, broker.ErrTooLong) || !strings.Contains(err.Error(), "2000") {
		t.Errorf("got %v of Publish, want ErrTooLong with the limit", err)
	}
	without, _ := connect(t, none)
	if _, err := without.Read(t.Context(), broker.Query{Policy: kept, Type: "order", Events: 1}); !errors.Is(err, broker.ErrUnavailable) || !strings.Contains(err.Error(), "-js") {
		t.Errorf("got %v of Read, want ErrUnavailable with what to do", err)
	}
	if _, err := without.Tops(t.Context(), nil, "order"); !errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("got %v of Tops, want ErrUnavailable", err)
	}
	subscribe(t, without, broker.Key{Kind: broker.Stream, Type: "order"}, plain("order", ""))
}

func TestWrongPasswordIsSaidAndNeverShown(t *testing.T) {
	s := engines.NATS(t, engines.NATSOptions{User: "hub", Password: "right-and-secret"})
	var log bytes.Buffer
	wrong := strings.Replace(s.URL, "right-and-secret", "wrong-and-secret", 1)
	e, told := open(t, Config{URLs: []string{wrong}, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	told.awaitNotes(t, 0, "down ")
	if err := e.Subscribe(t.Context(), plain("a", "")); !errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	said := strings.Join(told.notes, "\n")
	if !strings.Contains(said, "refuses the user, password or token") {
		t.Errorf("got %q, want the reason", said)
	}
	if strings.Contains(said+log.String(), "and-secret") {
		t.Errorf("got the password in %q or %q", said, log.String())
	}
	right, got := open(t, Config{URLs: []string{s.URL}})
	got.awaitNotes(t, 0, "up")
	subscribe(t, right, plain("a", ""))
}

func TestPolicyThatChangesChangesTheStream(t *testing.T) {
	s := engines.NATS(t, engines.NATSOptions{})
	e, _ := connect(t, s)
	first := events(kept, "order", texts(20, "%d")...)
	appendAll(t, e, first)
	less := &stream.Policy{Match: "*", History: stream.History{Events: 5, Age: time.Minute}}
	more := events(less, "order", "20")
	appendAll(t, e, more)
	if got, want := more[0].Position, (event.Position{Epoch: first[0].Position.Epoch, Offset: 21}); got != want {
		t.Errorf("got the position %v, want %v", got, want)
	}
	page := readPage(t, e, broker.Query{Policy: less, Type: "order", Events: 100})
	if page.First != 17 || page.Top != 21 || len(page.Entries) != 5 || string(page.Entries[0].Data) != "16" {
		t.Errorf("got %+v, want the last five events", page)
	}
}
