package spoke_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/spoke"
)

func TestATokenGoesIntoTheHandshakeOfEachConnection(t *testing.T) {
	shown := make(chan string, 10)
	url := scripted(t, func(c *serverConn, number int) {
		shown <- c.header.Get("Authorization")
		if number > 0 {
			c.serve(nil)
		}
	})
	var made atomic.Int32
	dial(t, url, spoke.Config{GetToken: func(context.Context) (string, error) { return fmt.Sprint("t", made.Add(1)), nil }})
	for _, want := range []string{"Bearer t1", "Bearer t2"} {
		if got := await(t, "a handshake", shown); got != want {
			t.Errorf("Authorization is %q, want %q", got, want)
		}
	}
}

func TestATokenAsEventGoesAheadOfEverythingElse(t *testing.T) {
	heard := make(chan string, 10)
	url := scripted(t, func(c *serverConn, _ int) {
		if got := c.header.Get("Authorization"); got != "" {
			heard <- got
		}
		c.serve(heard)
	})
	client, err := spoke.Dial(t.Context(), url, quick(spoke.Config{Token: "secret", TokenAsEvent: true, Background: true}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); <-client.Done() })
	client.AddEventListener("a", func(event.Event) {})
	client.DispatchEvent(event.Event{Type: "e"})
	for _, want := range []string{"token secret", "+a", "e:null"} {
		if got := short(await(t, want, heard)); got != want {
			t.Errorf("the server got %s, want %s", got, want)
		}
	}
}

func TestA4401ComesBackOnceWithAnotherToken(t *testing.T) {
	url := scripted(t, func(c *serverConn, _ int) { c.ws.Close(4401, "") })
	var made atomic.Int32
	client := dial(t, url, spoke.Config{GetToken: func(context.Context) (string, error) { return fmt.Sprint("t", made.Add(1)), nil }})
	await(t, "the end", client.Done())
	if closed, ok := errors.AsType[*spoke.CloseError](client.Err()); !ok || closed.Code != 4401 || made.Load() != 2 {
		t.Errorf("ended with %v behind %d tokens, want a CloseError of 4401 behind 2", client.Err(), made.Load())
	}
}

func TestATokenThatCannotBeHadIsAFailedAttempt(t *testing.T) {
	planted := errors.New("the provider is away")
	_, err := spoke.Dial(t.Context(), "ws://127.0.0.1:1", quick(spoke.Config{GetToken: func(context.Context) (string, error) { return "", planted }}))
	if _, ok := errors.AsType[*spoke.ConnectError](err); !ok || !errors.Is(err, planted) {
		t.Errorf("Dial() = %v, want a ConnectError of the provider's", err)
	}
}

func TestAPanicInGetTokenIsAFailedAttempt(t *testing.T) {
	_, err := spoke.Dial(t.Context(), "ws://127.0.0.1:1", quick(spoke.Config{GetToken: func(context.Context) (string, error) { panic("no provider") }}))
	if failed, ok := errors.AsType[*spoke.ConnectError](err); !ok || failed.Err == nil {
		t.Errorf("Dial() = %v, want a ConnectError", err)
	}
}

// jwt is a token, signed by nobody, that expires.
func jwt(expiry time.Time) string {
	claims := fmt.Sprintf(`{"sub":"ada","exp":%d}`, expiry.Unix())
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".x"
}

func TestATokenIsRenewedAheadOfItsEnd(t *testing.T) {
	for name, config := range map[string]spoke.Config{"from a handshake": {}, "from an event": {TokenAsEvent: true}} {
		t.Run(name, func(t *testing.T) {
			renewals := make(chan string, 10)
			url := scripted(t, func(c *serverConn, _ int) {
				for message := c.next(); message != ""; message = c.next() {
					q := parse(message)
					if q.Type != event.TypeAuth {
						continue
					}
					renewals <- q.Payload.Token
					c.send(string(event.AppendAuthAck(nil, []byte(q.ID), "ada", time.Now().Add(2*time.Second).Unix())))
				}
			})
			config.GetToken = func(context.Context) (string, error) { return jwt(time.Now().Add(2 * time.Second)), nil }
			client := dial(t, url, config)
			for range 2 {
				await(t, "a renewal", renewals)
			}
			if got := client.Stats().Connections; got != 1 {
				t.Errorf("it took %d connections, want 1", got)
			}
		})
	}
}

func TestARenewalThatFailsIsTriedAgain(t *testing.T) {
	renewed := make(chan string, 10)
	url := scripted(t, func(c *serverConn, _ int) { renewed <- c.next() })
	var asked atomic.Int32
	dial(t, url, spoke.Config{GetToken: func(context.Context) (string, error) {
		if asked.Add(1) == 2 {
			return "", errors.New("the provider is away")
		}
		return jwt(time.Now().Add(20 * time.Second / 4)), nil
	}})
	if q := parse(await(t, "a renewal", renewed)); q.Type != event.TypeAuth || asked.Load() < 3 {
		t.Errorf("the server got %+v behind %d tokens, want a token behind 3", q, asked.Load())
	}
}

func TestDoneComesBehindARenewal(t *testing.T) {
	url := scripted(t, func(c *serverConn, _ int) { c.serve(nil) })
	var asked atomic.Int32
	var returned atomic.Bool
	begun := make(chan struct{})
	client := dial(t, url, spoke.Config{GetToken: func(ctx context.Context) (string, error) {
		if asked.Add(1) == 2 {
			close(begun)
			<-ctx.Done()
			for range 10_000 {
				runtime.Gosched()
			}
			returned.Store(true)
		}
		return jwt(time.Now().Add(time.Second)), ctx.Err()
	}})
	await(t, "a renewal", begun)
	client.Close()
	await(t, "the end", client.Done())
	if !returned.Load() {
		t.Error("GetToken runs behind the end of the client")
	}
}

// TestAHubThatAsksForATokenLaterGetsItFirst has the hub take its time over the token: what comes behind it waits.
func TestAHubThatAsksForATokenLaterGetsItFirst(t *testing.T) {
	hub, url := startHub(t, fanout.Config{
		OnHandshake: func(context.Context, *fanout.Handshake) (fanout.Identity, error) {
			return fanout.Identity{}, fanout.ErrAuthLater
		},
		OnAuth: func(_ context.Context, _ *fanout.Spoke, token string) (fanout.Identity, error) {
			if token != "good" {
				return fanout.Identity{}, errors.New("bad")
			}
			return fanout.Identity{User: "ada", Permissions: &fanout.Permissions{
				Subscribe: event.MustPatterns("news"), Publish: event.MustPatterns("chat"),
			}}, nil
		},
	})
	heard := make(chan string, 10)
	hub.AddEventListener("chat", func(s *fanout.Spoke, e event.Event) { heard <- s.Identity().User + string(e.Payload) })
	config, told := states(spoke.Config{Token: "good", TokenAsEvent: true})
	client := dial(t, url, config)
	for i := range 3 {
		if i > 0 {
			client.Reconnect()
		}
		awaitPhase(t, told, spoke.Connected)
		if err := client.Subscribe(t.Context(), "news"); err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		if err := client.Subscribe(t.Context(), "secret"); err == nil {
			t.Fatalf("connection %d: a forbidden topic is in force", i)
		}
		if !client.DispatchEvent(event.Event{Type: "chat", Payload: fmt.Append(nil, i)}) {
			t.Fatal("an event was not taken")
		}
		flush(t, client)
		if got, want := await(t, "the event", heard), fmt.Sprint("ada", i); got != want {
			t.Errorf("the hub heard %s, want %s", got, want)
		}
	}
}
