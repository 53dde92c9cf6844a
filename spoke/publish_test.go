package spoke_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/spoke"
)

// offline returns a client that waits for its second connection, which the server lets in when release is called.
func offline(t *testing.T, config spoke.Config, do func(*serverConn)) (client *spoke.Client, release func()) {
	t.Helper()
	mayReturn := make(chan struct{})
	url := scripted(t, func(c *serverConn, number int) {
		if number > 0 {
			<-mayReturn
			do(c)
		}
	})
	config.MinDelay, config.MaxDelay = time.Hour, time.Hour
	config, told := states(config)
	client = dial(t, url, config)
	awaitPhase(t, told, spoke.Waiting)
	return client, func() {
		close(mayReturn)
		client.Reconnect()
	}
}

func TestTheQueueWithoutAConnectionIsBounded(t *testing.T) {
	for name, c := range map[string]struct {
		config  spoke.Config
		payload int
		want    int
	}{
		"by 64 events":               {spoke.Config{}, 10, 64},
		"by 64 KiB":                  {spoke.Config{}, 10 << 10, 6},
		"by what Config says":        {spoke.Config{QueueEvents: 3}, 10, 3},
		"and takes no longer events": {spoke.Config{QueueBytes: 100}, 200, 0},
	} {
		t.Run(name, func(t *testing.T) {
			heard := make(chan string, 100)
			client, release := offline(t, c.config, func(s *serverConn) { s.serve(heard) })
			payload := append(append([]byte{'"'}, bytes.Repeat([]byte("x"), c.payload)...), '"')
			taken := 0
			for client.DispatchEvent(event.Event{Type: "e", ID: fmt.Sprint(taken), Payload: payload}) {
				taken++
			}
			if taken != c.want || client.Stats().Queued != c.want {
				t.Errorf("took %d events and %d wait, want %d", taken, client.Stats().Queued, c.want)
			}
			if err := client.Publish(t.Context(), event.Event{Type: "e", Payload: payload}); !errors.Is(err, spoke.ErrQueueFull) {
				t.Errorf("Publish() = %v, want ErrQueueFull", err)
			}
			release()
			flush(t, client)
			for i := range taken {
				if e, err := event.Parse([]byte(<-heard)); err != nil || e.ID != fmt.Sprint(i) {
					t.Errorf("the server got %s, %v, want event %d", e.ID, err, i)
				}
			}
			if s := client.Stats(); s.Queued != 0 || s.QueuedBytes != 0 || s.Sent != uint64(taken) {
				t.Errorf("Stats() = %+v, want nothing queued and %d sent", s, taken)
			}
		})
	}
}

func TestPublishWaitsForRoomOnASocketThatTakesNothing(t *testing.T) {
	read := make(chan struct{})
	heard := make(chan string, 10_000)
	url := scripted(t, func(c *serverConn, _ int) {
		<-read
		c.serve(heard)
	})
	client := dial(t, url, spoke.Config{SendBuffer: 64 << 10, PongTimeout: patience})
	big := event.Event{Type: "big", Payload: []byte(`"` + strings.Repeat("x", 32<<10) + `"`)}
	sent := 0
	for client.DispatchEvent(big) {
		sent++
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	for err := error(nil); err == nil; sent++ {
		err = client.Publish(ctx, big)
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Publish() = %v, want the end of its context", err)
		}
	}
	sent--
	close(read)
	if err := client.Publish(t.Context(), event.Event{Type: "last"}); err != nil {
		t.Fatalf("Publish() = %v once the socket takes something", err)
	}
	flush(t, client)
	if got := len(heard); got != sent+2 {
		t.Errorf("the server got %d messages, want %d big ones, a last one and a question", got, sent)
	}
}

func TestPublishSaysWhatIsWrongWithAnEvent(t *testing.T) {
	url, _ := recorder(t)
	client := dial(t, url, spoke.Config{})
	if err := client.Publish(t.Context(), event.Event{Type: "a:b"}); !errors.Is(err, event.FaultTypeColon) {
		t.Errorf("Publish() = %v, want the event's fault", err)
	}
}

func TestCloseSendsWhatIsQueued(t *testing.T) {
	hub, url := startHub(t, fanout.Config{})
	heard := make(chan string, 2000)
	hub.AddEventListener("e", func(_ *fanout.Spoke, e event.Event) { heard <- string(e.Payload) })
	client := dial(t, url, spoke.Config{})
	for i := range 1000 {
		client.DispatchEvent(event.Event{Type: "e", Payload: fmt.Append(nil, i)})
	}
	if err := client.Close(); err != nil {
		t.Fatalf("Close() = %v", err)
	}
	for i := range 1000 {
		if got := await(t, "an event", heard); got != fmt.Sprint(i) {
			t.Fatalf("event %d is %s", i, got)
		}
	}
}

func TestCloseTellsWhatItCouldNotSend(t *testing.T) {
	client, _ := offline(t, spoke.Config{}, func(*serverConn) {})
	client.DispatchEvent(event.Event{Type: "e"})
	client.DispatchEvent(event.Event{Type: "e"})
	unsent, ok := errors.AsType[*spoke.UnsentError](client.Close())
	if !ok || unsent.Events != 2 {
		t.Errorf("Close() = %v, want that 2 events were not sent", unsent)
	}
}

func TestCloseTakesNoLongerThanItMay(t *testing.T) {
	stalled := make(chan struct{})
	url := scripted(t, func(*serverConn, int) { <-stalled })
	defer close(stalled)
	client := dial(t, url, spoke.Config{CloseTimeout: 50 * time.Millisecond, PongTimeout: time.Hour, SendBuffer: 64 << 20})
	big := event.Event{Type: "big", Payload: []byte(`"` + strings.Repeat("x", 1<<20) + `"`)}
	for range 32 {
		client.DispatchEvent(big)
	}
	if _, ok := errors.AsType[*spoke.UnsentError](client.Close()); !ok {
		t.Error("Close() told of no event that was left")
	}
	await(t, "the end", client.Done())
}

func TestNothingIsTakenAfterTheEnd(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(*spoke.Client)
		want error
	}{
		"by Close":   {func(c *spoke.Client) { c.Close(); c.Close() }, spoke.ErrClosed},
		"by the hub": {func(c *spoke.Client) { c.DispatchEvent(event.Event{Type: "end"}); <-c.Done() }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			url := scripted(t, func(c *serverConn, _ int) {
				if c.next() != "" {
					c.ws.Close(4403, "")
				}
			})
			client := dial(t, url, spoke.Config{})
			c.end(client)
			await(t, "the end", client.Done())
			want := client.Err()
			if c.want != nil && want != c.want || want == nil {
				t.Errorf("Err() = %v, want %v", want, c.want)
			}
			if client.DispatchEvent(event.Event{Type: "e"}) {
				t.Error("DispatchEvent() = true")
			}
			if err := client.Publish(t.Context(), event.Event{Type: "e"}); !errors.Is(err, want) {
				t.Errorf("Publish() = %v, want %v", err, want)
			}
			if err := client.Subscribe(t.Context(), "e"); !errors.Is(err, want) {
				t.Errorf("Subscribe() = %v, want %v", err, want)
			}
			if err := client.Flush(t.Context()); !errors.Is(err, want) {
				t.Errorf("Flush() = %v, want %v", err, want)
			}
			for _, err := range client.Events(t.Context(), "e") {
				if !errors.Is(err, want) {
					t.Errorf("Events() gave %v, want %v", err, want)
				}
			}
			client.AddEventListener("e", func(event.Event) {})()
			client.Reconnect()
			if s := client.State(); s.Phase != spoke.Closed {
				t.Errorf("State() = %+v, want closed", s)
			}
		})
	}
}

func TestCloseInAListenerOrACallbackReturns(t *testing.T) {
	hub, url := startHub(t, fanout.Config{})
	client := dial(t, url, spoke.Config{})
	closed := make(chan error, 1)
	client.AddEventListener("e", func(event.Event) { closed <- client.Close() })
	flush(t, client)
	hub.DispatchEvent(event.Event{Type: "e"})
	if err := await(t, "the end of Close", closed); err != nil {
		t.Errorf("Close() = %v", err)
	}
	await(t, "the end", client.Done())
}

func TestFlushTellsThatTheConnectionBrokeFirst(t *testing.T) {
	url := scripted(t, func(c *serverConn, number int) {
		if number == 0 {
			c.next()
			c.next()
			return
		}
		c.serve(nil)
	})
	client := dial(t, url, spoke.Config{})
	client.DispatchEvent(event.Event{Type: "e"})
	if err := client.Flush(t.Context()); !errors.Is(err, spoke.ErrUnconfirmed) {
		t.Errorf("Flush() = %v, want ErrUnconfirmed", err)
	}
	flush(t, client)
}

func TestFlushTellsOfAConnectionThatBrokeAheadOfIt(t *testing.T) {
	url := scripted(t, func(c *serverConn, number int) {
		if number == 0 {
			c.next()
			return
		}
		c.serve(nil)
	})
	config, told := states(spoke.Config{})
	client := dial(t, url, config)
	client.DispatchEvent(event.Event{Type: "e"})
	awaitPhase(t, told, spoke.Waiting)
	if err := client.Flush(t.Context()); !errors.Is(err, spoke.ErrUnconfirmed) {
		t.Errorf("Flush() = %v, want ErrUnconfirmed", err)
	}
	flush(t, client)
}

func TestFlushReturnsWhileOthersPublish(t *testing.T) {
	_, url := startHub(t, fanout.Config{})
	client := dial(t, url, spoke.Config{})
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				client.Publish(context.Background(), event.Event{Type: "e"})
			}
		}
	}()
	for range 10 {
		flush(t, client)
	}
	close(stop)
	<-stopped
}

func TestFlushEndsWithItsContext(t *testing.T) {
	client, _ := offline(t, spoke.Config{}, func(*serverConn) {})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := client.Flush(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Flush() = %v, want context.Canceled", err)
	}
}
