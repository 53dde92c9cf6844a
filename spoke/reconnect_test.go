package spoke_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/spoke"
)

// TestEachCloseCodeDoesWhatTheContractSays has the server end the first connection with a code.
func TestEachCloseCodeDoesWhatTheContractSays(t *testing.T) {
	for name, c := range map[string]struct {
		code      int
		reason    string
		comesBack bool
		delay     time.Duration
	}{
		"1000 stops":                         {1000, "", false, 0},
		"1001 comes back":                    {1001, "", true, 0},
		"1002 stops":                         {1002, "", false, 0},
		"1003 stops":                         {1003, "", false, 0},
		"1007 stops":                         {1007, "", false, 0},
		"1008 stops":                         {1008, "", false, 0},
		"1008 with a hint comes back":        {1008, `{"retry_after_ms":7}`, true, 7 * time.Millisecond},
		"1009 stops":                         {1009, "", false, 0},
		"1011 comes back":                    {1011, "", true, 0},
		"1012 comes back when it is told to": {1012, `{"retry_after_ms":30}`, true, 30 * time.Millisecond},
		"1013 comes back when it is told to": {1013, `{"retry_after_ms":0}`, true, 0},
		"4401 stops without another token":   {4401, "", false, 0},
		"4403 stops":                         {4403, `{"retry_after_ms":5}`, false, 0},
		"4429 comes back":                    {4429, "", true, 0},
		"an unknown code comes back":         {4999, "", true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			url := scripted(t, func(c2 *serverConn, number int) {
				if number == 0 {
					c2.ws.Close(websocket.StatusCode(c.code), c.reason)
					return
				}
				c2.serve(nil)
			})
			config, told := states(spoke.Config{Token: "t"})
			client := dial(t, url, config)
			awaitPhase(t, told, spoke.Connected)
			if !c.comesBack {
				end := awaitPhase(t, told, spoke.Closed)
				if closed, ok := errors.AsType[*spoke.CloseError](end.Err); !ok || closed.Code != c.code || !errors.Is(client.Err(), end.Err) {
					t.Errorf("ended with %v and Err() = %v, want a CloseError of %d", end.Err, client.Err(), c.code)
				}
				return
			}
			waiting := awaitPhase(t, told, spoke.Waiting)
			if closed, ok := errors.AsType[*spoke.CloseError](waiting.Err); !ok || closed.Code != c.code || closed.Reason != c.reason {
				t.Errorf("waits because of %v, want a CloseError of %d, %q", waiting.Err, c.code, c.reason)
			}
			if c.delay > 0 && waiting.RetryIn.Truncate(time.Millisecond) != c.delay {
				t.Errorf("waits for %v, want the %v of the hint", waiting.RetryIn, c.delay)
			}
			awaitPhase(t, told, spoke.Connected)
		})
	}
}

func TestALostConnectionComesBackAs1006(t *testing.T) {
	url := scripted(t, func(c *serverConn, number int) {
		if number > 0 {
			c.serve(nil)
		}
	})
	config, told := states(spoke.Config{})
	dial(t, url, config)
	waiting := awaitPhase(t, told, spoke.Waiting)
	if closed, ok := errors.AsType[*spoke.CloseError](waiting.Err); !ok || closed.Code != 1006 {
		t.Errorf("waits because of %v, want a CloseError of 1006", waiting.Err)
	}
	awaitPhase(t, told, spoke.Connected)
}

// TestAStatusDoesWhatItMeans has the server refuse the second handshake with a status.
func TestAStatusDoesWhatItMeans(t *testing.T) {
	for status, comesBack := range map[int]bool{
		http.StatusOK: false, http.StatusMovedPermanently: false, http.StatusBadRequest: false, http.StatusUnauthorized: false,
		http.StatusForbidden: false, http.StatusNotFound: false, http.StatusUpgradeRequired: false, http.StatusRequestTimeout: true,
		http.StatusTooManyRequests: true, http.StatusInternalServerError: true, http.StatusBadGateway: true, http.StatusServiceUnavailable: true,
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			var asked atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				n := asked.Add(1)
				if n == 2 {
					http.Error(w, "not\x1b[2J you", status)
					return
				}
				ws, err := websocket.Accept(w, r, nil)
				if err != nil {
					return
				}
				defer ws.CloseNow()
				if n > 1 {
					ws.Read(t.Context())
				}
			}))
			t.Cleanup(server.Close)
			config, told := states(spoke.Config{})
			client := dial(t, server.URL, config)
			awaitPhase(t, told, spoke.Waiting)
			next := awaitPhase(t, told, map[bool]spoke.Phase{true: spoke.Waiting, false: spoke.Closed}[comesBack])
			failed, ok := errors.AsType[*spoke.ConnectError](next.Err)
			if !ok || failed.Status != status || failed.Answer != "not[2J you" {
				t.Errorf("the error is %#v, want a ConnectError with the status and a printable answer", next.Err)
			}
			if comesBack {
				awaitPhase(t, told, spoke.Connected)
				client.Close()
			}
		})
	}
}

func TestRetryAfterOfAHandshakeIsKept(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			ws, err := websocket.Accept(w, r, nil)
			if err == nil {
				ws.CloseNow()
			}
			return
		}
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	t.Cleanup(server.Close)
	config, told := states(spoke.Config{})
	dial(t, server.URL, config)
	awaitPhase(t, told, spoke.Waiting)
	waiting := awaitPhase(t, told, spoke.Waiting)
	if waiting.RetryIn < time.Hour || waiting.RetryIn > time.Hour+time.Second {
		t.Errorf("waits for %v, want an hour and up to a second", waiting.RetryIn)
	}
}

func TestSubscriptionsAreInAgainAheadOfWhatWasQueued(t *testing.T) {
	heard := make(chan string, 100)
	cut, mayReturn := make(chan struct{}), make(chan struct{})
	url := scripted(t, func(c *serverConn, number int) {
		if number == 0 {
			c.ack(c.next())
			<-cut
			return
		}
		<-mayReturn
		c.serve(heard)
	})
	config, told := states(spoke.Config{})
	client := dial(t, url, config)
	if err := client.Subscribe(t.Context(), "a", "b:1", "c"); err != nil {
		t.Fatal(err)
	}
	close(cut)
	awaitPhase(t, told, spoke.Waiting)
	client.Unsubscribe("c")
	client.AddEventListener("d", func(event.Event) {})
	client.Reconnect()
	for i := range 3 {
		client.DispatchEvent(event.Event{Type: "price", Payload: fmt.Append(nil, i)})
	}
	close(mayReturn)
	for _, want := range []string{"+a,b:1,d", "price:0", "price:1", "price:2"} {
		if got := short(await(t, want, heard)); got != want {
			t.Errorf("the server got %s, want %s", got, want)
		}
	}
}

func TestReconnectDropsTheConnectionAndTheDelay(t *testing.T) {
	arrived := make(chan int, 10)
	url := scripted(t, func(c *serverConn, number int) {
		arrived <- number
		c.serve(nil)
	})
	config, told := states(spoke.Config{MinDelay: time.Hour, MaxDelay: time.Hour})
	client := dial(t, url, config)
	await(t, "the first connection", arrived)
	client.Reconnect()
	await(t, "the second connection", arrived)
	awaitPhase(t, told, spoke.Connected)
	awaitPhase(t, told, spoke.Connected)
	if s := client.State(); s.Phase != spoke.Connected || s.Err != nil {
		t.Errorf("State() = %+v, want connected", s)
	}
}

func TestReconnectEndsAWait(t *testing.T) {
	arrived := make(chan int, 10)
	url := scripted(t, func(c *serverConn, number int) {
		arrived <- number
		if number > 0 {
			c.serve(nil)
		}
	})
	config, told := states(spoke.Config{MinDelay: time.Hour, MaxDelay: time.Hour})
	client := dial(t, url, config)
	awaitPhase(t, told, spoke.Waiting)
	client.Reconnect()
	await(t, "the first connection", arrived)
	await(t, "the second connection", arrived)
}

func TestBackgroundConnectsOnceThereIsAHub(t *testing.T) {
	l := listenTCP(t)
	address := l.Addr().String()
	l.Close()
	config, told := states(quick(spoke.Config{Background: true}))
	client, err := spoke.Dial(t.Context(), "ws://"+address+"/ws", config)
	if err != nil {
		t.Fatal(err)
	}
	waiting := awaitPhase(t, told, spoke.Waiting)
	if failed, ok := errors.AsType[*spoke.ConnectError](waiting.Err); !ok || failed.Status != 0 {
		t.Errorf("waits because of %v, want a ConnectError without a status", waiting.Err)
	}
	if err := client.Close(); err != nil {
		t.Errorf("Close() = %v, want nil", err)
	}
	<-client.Done()
}

func TestDialSaysWhatIsWrong(t *testing.T) {
	l := listenTCP(t)
	refused := "ws://" + l.Addr().String()
	l.Close()
	_, err := spoke.Dial(t.Context(), refused, quick(spoke.Config{}))
	if failed, ok := errors.AsType[*spoke.ConnectError](err); !ok || failed.Err == nil || failed.URL != refused {
		t.Errorf("Dial of a port nobody listens on: %#v, want a ConnectError", err)
	}
	silent := listenTCP(t)
	_, err = spoke.Dial(t.Context(), "ws://"+silent.Addr().String(), quick(spoke.Config{ConnectTimeout: 50 * time.Millisecond}))
	if failed, ok := errors.AsType[*spoke.ConnectError](err); !ok || failed.Err == nil {
		t.Errorf("Dial of a server that says nothing: %#v, want a ConnectError", err)
	}
}
