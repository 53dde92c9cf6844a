package spoke_test

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/spoke"
)

// valve is a proxy whose directions can be shut without a word.
type valve struct {
	net.Listener
	mu       sync.Mutex
	up, down bool
	changed  *sync.Cond
}

// startValve starts a proxy in front of an address.
func startValve(t *testing.T, target string) *valve {
	v := &valve{Listener: listenTCP(t), up: true, down: true}
	v.changed = sync.NewCond(&v.mu)
	var all sync.WaitGroup
	t.Cleanup(func() {
		v.Close()
		v.set(true, true)
		all.Wait()
	})
	all.Go(func() {
		for {
			in, err := v.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", target)
			if err != nil {
				in.Close()
				continue
			}
			all.Go(func() { v.copy(out, in, &v.up) })
			all.Go(func() { v.copy(in, out, &v.down) })
		}
	})
	return v
}

func (v *valve) set(up, down bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.up, v.down = up, down
	v.changed.Broadcast()
}

func (v *valve) copy(to, from net.Conn, open *bool) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		v.mu.Lock()
		for !*open {
			v.changed.Wait()
		}
		v.mu.Unlock()
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func TestAConnectionThatDiedWithoutAWordIsFound(t *testing.T) {
	for name, shut := range map[string]struct{ up, down bool }{
		"in both directions":         {false, false},
		"from the client to the hub": {false, true},
		"from the hub to the client": {true, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, url := startHub(t, fanout.Config{PingInterval: time.Hour, PeerTimeout: 2 * time.Hour})
			v := startValve(t, url[len("http://"):])
			config, told := states(spoke.Config{PingInterval: 50 * time.Millisecond, PongTimeout: 200 * time.Millisecond})
			client := dial(t, "ws://"+v.Addr().String(), config)
			flush(t, client)
			v.set(shut.up, shut.down)
			waiting := awaitPhase(t, told, spoke.Waiting)
			if !errors.Is(waiting.Err, spoke.ErrSilent) {
				t.Errorf("waits because of %v, want ErrSilent", waiting.Err)
			}
			v.set(true, true)
			awaitPhase(t, told, spoke.Connected)
		})
	}
}

func TestAServerThatTakesNothingIsFound(t *testing.T) {
	stalled := make(chan struct{})
	url := scripted(t, func(c *serverConn, number int) {
		if number == 0 {
			<-stalled
			return
		}
		c.serve(nil)
	})
	defer close(stalled)
	config, told := states(spoke.Config{PongTimeout: 100 * time.Millisecond, SendBuffer: 64 << 20})
	client := dial(t, url, config)
	payload := append(append([]byte{'"'}, make([]byte, 1<<20)...), '"')
	for i := range payload[1 : len(payload)-1] {
		payload[i+1] = 'x'
	}
	for range 32 {
		client.DispatchEvent(event.Event{Type: "big", Payload: payload})
	}
	awaitPhase(t, told, spoke.Waiting)
	awaitPhase(t, told, spoke.Connected)
}

func TestAConnectionThatIsAnsweredLives(t *testing.T) {
	url, heard := recorder(t)
	client := dial(t, url, spoke.Config{PingInterval: 10 * time.Millisecond, PongTimeout: patience})
	for range 5 {
		if message := await(t, "a question", heard); !isProbe(message) {
			t.Errorf("the server got %s, want a question", message)
		}
	}
	if s := client.State(); s.Phase != spoke.Connected || client.Stats().Connections != 1 {
		t.Errorf("State() = %+v with %d connections, want the first to live", s, client.Stats().Connections)
	}
}

func TestAServerThatNeverAnswersTheHandshakeIsGivenUp(t *testing.T) {
	l := listenTCP(t)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go io.Copy(io.Discard, conn)
		}
	}()
	config, told := states(quick(spoke.Config{Background: true, ConnectTimeout: 50 * time.Millisecond}))
	client, err := spoke.Dial(t.Context(), "ws://"+l.Addr().String(), config)
	if err != nil {
		t.Fatal(err)
	}
	awaitPhase(t, told, spoke.Waiting)
	awaitPhase(t, told, spoke.Waiting)
	client.Close()
	await(t, "the end", client.Done())
}
