package cluster

import (
	"flag"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
)

var (
	firstSeed = flag.Uint64("sim.seed", 1, "the first seed")
	seeds     = flag.Int("sim.seeds", 300, "how many seeds are played")
	repeats   = flag.Int("sim.repeat", 1, "how often each is played")
	atATime   = flag.Int("sim.parallel", 8, "how many are played at a time")
	patience  = flag.Duration("sim.patience", 25*time.Second, "how long what must come may take")
)

// mayPass says whether what is wrong may be what has not come yet.
func mayPass(fault string) bool {
	for _, word := range []string{"missing", "at the end", "no reject", "is not in", "is behind"} {
		if strings.Contains(fault, word) {
			return true
		}
	}
	return false
}

// TestHubsKeepTheirPromisesUnderEverySchedule plays seeds until one fails.
func TestHubsKeepTheirPromisesUnderEverySchedule(t *testing.T) { playSeeds(t, *seeds) }

// TestHubsKeepTheirPromisesUnderSomeSchedules plays fewer of them: planted defects are caught by it.
func TestHubsKeepTheirPromisesUnderSomeSchedules(t *testing.T) { playSeeds(t, min(*seeds, 40)) }

func playSeeds(t *testing.T, count int) {
	next := make(chan uint64)
	var total struct {
		sync.Mutex
		ledger
	}
	var players sync.WaitGroup
	for range *atATime {
		players.Go(func() {
			for seed := range next {
				fault, story, sum := playSeed(seed)
				if fault != "" && !t.Failed() {
					t.Errorf("seed %d: %s\n%s\nseed %d: %s (%v)", seed, fault, story, seed, fault, &sum)
				}
				total.Lock()
				total.add(&sum)
				total.Unlock()
			}
		})
	}
	for i := range count * *repeats {
		if t.Failed() {
			break
		}
		next <- *firstSeed + uint64(i / *repeats)
	}
	close(next)
	players.Wait()
	t.Logf("ledger of all seeds: %v", &total.ledger)
}

// playSeed plays a seed, and returns what was wrong, what was done, and what has become of events.
func playSeed(seed uint64) (fault, story string, sum ledger) {
	w := newWorld(seed)
	if fault = w.play(); fault == "" {
		fault = w.settle()
	}
	sum, _ = w.takeStock()
	w.note("%v", &sum)
	w.note("%s", w.hubSums())
	if fault != "" {
		w.noteHubs()
	}
	w.end()
	if fault == "" {
		fault = w.checkStats()
	}
	return fault, fmt.Sprintf("faults: %+v\n", w.faults) + w.story(), sum
}

// settle ends the faults, lets all come that must, and checks it.
func (w *world) settle() (fault string) {
	if !w.mendAll() {
		return "a hub does not know that its broker is back"
	}
	if !w.awaitPublished() {
		return "a call of Publish does not return"
	}
	for _, c := range w.clients {
		c.gate.open()
	}
	if fault = w.barriers(); fault != "" {
		return fault
	}
	w.publishLast()
	awaitTrue(func() bool {
		fault = w.check()
		return fault == "" || !mayPass(fault)
	})
	if fault != "" {
		return fault
	}
	if fault = w.barriers(); fault != "" {
		return fault
	}
	if fault = w.check(); fault != "" {
		return fault
	}
	awaitTrue(func() bool {
		fault = w.checkHistories()
		return fault == "" || !mayPass(fault)
	})
	if fault != "" {
		return fault
	}
	if _, fault = w.takeStock(); fault != "" {
		return fault
	}
	awaitTrue(func() bool {
		fault = w.checkDelivered()
		return fault == ""
	})
	return fault
}

// publishLast has each hub publish one event of everything. It ends with one whose receipt is awaited: by then the streams have all that they will have of the
// hub, as it hands over its events in order.
func (w *world) publishLast() {
	w.note("the last events")
	for _, n := range w.alive() {
		driver := fmt.Sprint("driver at hub ", n.number)
		for _, typ := range allTypes {
			for _, id := range append([]string{""}, ids...) {
				w.dispatch(n, driver, typ, id, 0)
			}
		}
		w.publish(n, driver, streamTypes[0], "", "", 0)
	}
}

// barriers has all that clients have sent be carried out.
func (w *world) barriers() string {
	for _, c := range w.connected() {
		if !c.barrier() {
			return c.name() + " gets no answer"
		}
	}
	return ""
}

// noteHubs notes how the hubs stand, for who has to find out what went wrong.
func (w *world) noteHubs() {
	for _, n := range w.alive() {
		st := n.hub.Stats()
		w.note("hub %d: up %d, received %d, refilled %d, repeated %d, losses %d, dropped %d, waiting %d, queued %d, lagging %d", n.number, st.BrokerUp,
			st.BrokerReceived, st.BrokerRefilled, st.BrokerRepeated, st.BrokerLosses, st.BrokerDropped, st.BrokerWaiting, st.Queued, st.Lagging)
		for _, typ := range streamTypes {
			past, err := n.hub.History(typ, event.Position{}, 1)
			_, current := w.truth.of(typ, "")
			events, _ := w.truth.of(typ, current)
			w.note("hub %d: %s at %v of %s:%d, %v", n.number, typ, past.Position, current, len(events), err)
		}
	}
}
