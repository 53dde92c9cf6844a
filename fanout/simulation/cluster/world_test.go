package cluster

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spokehub/spokehub/broker/inproc"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/stream"
)

// policies are those of all hubs. Types that they do not name are plain, and close who does not keep up.
var policies = []stream.Policy{
	{Match: "whole", History: stream.History{Events: 4000}, Behind: stream.CatchUp},
	{Match: "few", History: stream.History{Events: 12}, Behind: stream.CatchUp},
	{Match: "newest", History: stream.History{Events: 8, LatestPerID: true}, Behind: stream.Latest},
	{Match: "strict", History: stream.History{Events: 100}},
	{Match: "plain", Interest: stream.Auto},
	{Match: "single", Interest: stream.ByID},
	{Match: "skipped", Behind: stream.Skip},
	{Match: "both", Interest: stream.ByID, Behind: stream.Skip},
}

var (
	streamTypes = []string{"whole", "few", "newest", "strict"}
	plainTypes  = []string{"plain", "single", "skipped", "both"}
	allTypes    = append(append([]string(nil), streamTypes...), plainTypes...)
	ids         = []string{"a", "b", "c"}
)

func policyOf(typ string) stream.Policy {
	for _, p := range policies {
		if p.Match == typ {
			return p
		}
	}
	return stream.Policy{}
}

func isStream(typ string) bool { return !policyOf(typ).History.IsZero() }

// queueLimit is Config.QueueLimit of all hubs, and maxEvent Config.MaxEvent: little, so that slow clients get behind.
const (
	queueLimit = 32 << 10
	maxEvent   = queueLimit / 4
)

// world is what a seed is played in. The driver, one goroutine, owns all but what the types of fields say.
type world struct {
	seed       uint64
	dice       *rand.Rand
	clock      atomic.Int64
	network    *inproc.Network
	truth      truth
	published  publications
	nodes      []*node
	clients    []*client
	lastClient int
	faults     faultKinds
	journal    journal
}

// node is a hub and its engine. isOver says that it has ended.
type node struct {
	world  *world
	number int
	hub    *fanout.Hub
	engine *inproc.Engine
	// isCut and isSick say that the engine is cut off, or makes other faults; isOver that the hub has ended.
	isCut, isSick, isOver bool
	// endedWell says that it has ended while its broker was there, so that all was handed over.
	endedWell bool
	final     fanout.Stats
}

// journal is what was done, for who has to find out what went wrong.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func newWorld(seed uint64) *world {
	w := &world{seed: seed, dice: rand.New(rand.NewPCG(seed, 0x5b0c)), network: inproc.New()}
	w.truth.streams, w.truth.appended = map[string]*streamTruth{}, map[int]int{}
	w.network.SetWatch(w.truth.watch)
	w.faults = rollFaults(w.dice)
	for range 2 + w.dice.IntN(4) {
		w.begin()
	}
	return w
}

// begin has another hub begin.
func (w *world) begin() *node {
	n := &node{world: w, number: len(w.nodes), engine: w.network.Engine()}
	var err error
	n.hub, err = fanout.New(fanout.Config{
		Relay: true, Policies: policies, Broker: n.engine, Engine: fanout.EngineGoroutine, QueueLimit: queueLimit, MaxEvent: maxEvent,
		Reactors: 1 + w.dice.IntN(2), PingInterval: -1, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		panic(err)
	}
	w.nodes = append(w.nodes, n)
	w.note("hub %d begins", n.number)
	awaitTrue(func() bool { return n.hub.Broker().Up })
	return n
}

// awaitTrue waits until something is true, and says whether that came within patience.
func awaitTrue(isTrue func() bool) bool {
	pause := time.Millisecond
	for deadline := time.Now().Add(*patience); !isTrue(); pause = min(2*pause, 100*time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(pause)
	}
	return true
}

func (w *world) note(format string, values ...any) {
	w.journal.mu.Lock()
	defer w.journal.mu.Unlock()
	w.journal.lines = append(w.journal.lines, fmt.Sprintf("%6d  ", w.clock.Load())+fmt.Sprintf(format, values...))
}

func (w *world) story() string {
	w.journal.mu.Lock()
	defer w.journal.mu.Unlock()
	return strings.Join(w.journal.lines, "\n")
}

// alive are the hubs that have not ended.
func (w *world) alive() (nodes []*node) {
	for _, n := range w.nodes {
		if !n.isOver {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

func (w *world) anyNode() *node {
	nodes := w.alive()
	return nodes[w.dice.IntN(len(nodes))]
}

// connected are the clients whose connections have not ended.
func (w *world) connected() (clients []*client) {
	for _, c := range w.clients {
		if !c.isOver() {
			clients = append(clients, c)
		}
	}
	return clients
}

func (w *world) anyClient() *client {
	if clients := w.connected(); len(clients) > 0 {
		return clients[w.dice.IntN(len(clients))]
	}
	return nil
}

func (w *world) chance(percent int) bool { return w.dice.IntN(100) < percent }

func pick[T any](w *world, of []T) T { return of[w.dice.IntN(len(of))] }

// end ends all that still runs.
func (w *world) end() {
	for _, c := range w.clients {
		c.leave()
	}
	for _, n := range w.alive() {
		n.stop()
	}
}
