package fanout_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/stream"
)

// TestPromise13NobodyMissesAnythingInSilence has clients that read in fits and starts: of every stream they have got, or have been told that
// they miss, every event once all is sent.
func TestPromise13NobodyMissesAnythingInSilence(t *testing.T) {
	t.Parallel()
	for _, behind := range []stream.Behind{stream.CatchUp, stream.Latest} {
		eachEngine(t, func(t *testing.T, engine fanout.Engine) {
			const streams, clients, rounds = 4, 8, 1000
			h := newTestHub(t, fanout.Config{Engine: engine, Reactors: 2, QueueLimit: smallQueue, SendBuffer: 8 << 10,
				Policies: []stream.Policy{{Match: "s*", History: stream.History{Events: 1 << 16, Bytes: 1 << 30}, Behind: behind}}})
			var readers sync.WaitGroup
			for i := range clients {
				c, _ := h.join()
				for n := range streams {
					for id := range 5 {
						if i%2 == 0 {
							c.follow(fmt.Sprintf("s%d", n))
							break
						}
						c.follow(fmt.Sprintf("s%d:%d", n, id))
					}
				}
				readers.Go(func() {
					random := rand.New(rand.NewPCG(uint64(i), 1))
					got := make([]uint64, streams)
					told := make([]int64, streams)
					sum := 0
					for sum < streams*rounds {
						message := c.message()
						if random.IntN(200) == 0 {
							time.Sleep(time.Duration(random.IntN(20)) * time.Millisecond)
						}
						if strings.Contains(message, `"__gap"`) {
							gap, err := event.ParseGap([]byte(message))
							if err != nil {
								t.Errorf("got %s: %v", message, err)
								return
							}
							told[gap.Topic[1]-'0'] += gap.Missed
							sum += int(gap.Missed)
							continue
						}
						var e struct {
							Type   string
							Offset uint64
						}
						if err := json.Unmarshal([]byte(message), &e); err != nil {
							t.Errorf("got %.100s: %v", message, err)
							return
						}
						got[e.Type[1]-'0']++
						sum++
					}
					for n := range streams {
						if got[n]+uint64(told[n]) != rounds {
							t.Errorf("client %d: got %d events of s%d and %d told missing, want %d in all", i, got[n], n, told[n], rounds)
						}
					}
				})
			}
			filler := strings.Repeat("x", 2000)
			var publishers sync.WaitGroup
			for n := range streams {
				publishers.Go(func() {
					for r := range rounds {
						h.hub.DispatchEvent(event.Event{Type: fmt.Sprintf("s%d", n), ID: fmt.Sprint(r % 5), Payload: []byte(`"` + filler + `"`)})
						if r%50 == 0 {
							time.Sleep(2 * time.Millisecond)
						}
					}
				})
			}
			publishers.Wait()
			readers.Wait()
			st := h.hub.Stats()
			t.Logf("fell behind %d times, told %d gaps", st.Lags, st.Gaps)
			h.checkLedger(st)
		})
	}
}
