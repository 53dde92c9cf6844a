package brokers

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"testing"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/internal/engines"
)

// textFrame is a message of 126 bytes or more, filled up with spaces, as a client sends it, masked with zeros.
func textFrame(text string) []byte {
	text = fmt.Sprintf("%-126s", text)
	frame := binary.BigEndian.AppendUint16([]byte{0x81, 0x80 | 126}, uint16(len(text)))
	return append(append(frame, 0, 0, 0, 0), text...)
}

// testReturn has very many spokes resume one stream at once at a hub that does not know it yet, and wants the hub to read it once, however many
// they are: a page, and what came while that was read.
func testReturn(t *testing.T, open func(int) broker.Broker) {
	const spokes, events, mostReads = 17_000, 100, 4
	first := newHub(t, "first", open(0))
	var at event.Position
	for i := range events {
		got, err := first.Publish(context.Background(), event.Event{Type: wholeStream, Payload: fmt.Append(nil, i)})
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			at = got.Position
		}
	}
	engine := &counting{Broker: open(1)}
	back := newHub(t, "back", engine)
	request, _ := json.Marshal(map[string]any{"type": "__subscribe", "id": "1", "payload": map[string]any{
		"topics": []string{wholeStream}, "since": map[string]any{wholeStream: map[string]any{"epoch": at.Epoch, "offset": at.Offset}}}})
	frame := textFrame(string(request))
	var refused atomic.Int64
	for range spokes {
		here, there := net.Pipe()
		t.Cleanup(func() { here.Close() })
		if _, err := back.AddConnection(there, fanout.AddOptions{}); err != nil {
			t.Fatal(err)
		}
		go func() {
			if _, err := here.Write(frame); err != nil && !errors.Is(err, net.ErrClosed) {
				refused.Add(1)
			}
		}()
		go func() {
			for space := make([]byte, 4096); ; {
				if _, err := here.Read(space); err != nil {
					return
				}
			}
		}()
	}
	t.Cleanup(func() {
		if st := back.Stats(); t.Failed() {
			t.Logf("%d subscriptions, %d deliveries, %d reads", st.Subscriptions, st.Delivered, engine.reads.Load())
		}
	})
	until(t, "all spokes have resumed", func() bool {
		st := back.Stats()
		return st.Subscriptions == spokes && st.Delivered >= spokes*(events-1)
	})
	if got := engine.reads.Load(); got > mostReads {
		t.Errorf("got %d reads of the broker for %d spokes, want at most %d", got, spokes, mostReads)
	}
	if n := refused.Load(); n > 0 {
		t.Errorf("got %d spokes that could not ask, want none", n)
	}
}

func TestSpokesThatComeBackAtOnceAreOneReadOfNATS(t *testing.T) {
	s := engines.NATS(t, engines.NATSOptions{})
	testReturn(t, onNATS(t, s.URL))
}

func TestSpokesThatComeBackAtOnceAreOneReadOfRedis(t *testing.T) {
	s := engines.Redis(t, engines.RedisOptions{})
	testReturn(t, onRedis(t, s.URL))
}
