//go:build faults && linux

package simulation

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/netpoll"
)

// traits are what a seed fixes besides the actions.
type traits struct {
	hubTraits
	slots   int
	actions int
	// onEvent, onSubscribe, onPublish and snapshots say whether the hub has these callbacks, the last one OnSubscribed.
	onEvent     bool
	onSubscribe bool
	onPublish   bool
	snapshots   bool
	// abrupt ends kill all clients before the hub shuts down.
	abrupt bool
	plan   netpoll.FaultPlan
	identityTraits
	companyTraits
	// secure says that some clients speak TLS, and that some removed connections are given back.
	secure bool
}

// companyTraits say who comes besides the clients that the model follows in all seeds.
type companyTraits struct {
	// hostiles is how many hostile clients come at most. Where some come, no fault resets connections: nothing else excuses a closed one.
	hostiles int
	// followers is how many there are at most at a time; with any, types have policies.
	followers int
}

// identityTraits say whether clients have identities, and whether there are topic rules, which change.
type identityTraits struct {
	identities bool
	rules      bool
}

// hubTraits are fields of the hub's configuration.
type hubTraits struct {
	engine      fanout.Engine
	reactors    int
	workers     int
	queueLimit  int
	sendBuffer  int
	unsentLimit int
	maxTopics   int
	maxMessage  int
	relay       bool
	binary      bool
	// pingInterval is negative where clients are never pinged.
	pingInterval time.Duration
}

// dice returns the random numbers of one step of a seed.
func dice(seed uint64, step int) *rand.Rand { return rand.New(rand.NewPCG(seed, uint64(step))) }

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func oneIn(r *rand.Rand, n int) bool { return r.IntN(n) == 0 }

// traitsOf rolls the traits of a seed. The order of rolls decides what a seed means: it stays as it is.
func traitsOf(seed uint64) traits {
	r := dice(seed, -1)
	t := traits{hubTraits: hubTraits{pingInterval: -1}}
	t.engine = []fanout.Engine{fanout.EngineEpoll, fanout.EngineEasygo, fanout.EngineGoroutine}[seed%3]
	if t.engine == fanout.EngineEpoll && seed/9%2 == 1 {
		t.engine = fanout.EngineParked
	}
	t.reactors = 1 + int(seed/3%3)
	t.workers = pick(r, 2, 3, 8)
	t.queueLimit = pick(r, 2<<10, 6<<10, 16<<10, 64<<10)
	t.sendBuffer = pick(r, 1<<10, 4<<10, 16<<10)
	t.unsentLimit = pick(r, 1<<10, 4<<10, 16<<10)
	t.maxTopics = pick(r, 2, 5, 1024)
	t.maxMessage = pick(r, 4<<10, 64<<10)
	t.slots = 4 + r.IntN(8)
	t.actions = 60 + r.IntN(120)
	t.relay = !oneIn(r, 8)
	t.binary = oneIn(r, 4)
	t.onEvent = !oneIn(r, 4)
	t.onSubscribe = oneIn(r, 4)
	t.abrupt = oneIn(r, 4)
	often := pick(r, 0, 3, 10)
	t.plan = netpoll.FaultPlan{Seed: seed, Again: often, Interrupt: often, Short: often, Spurious: often, Abort: often}
	if oneIn(r, 2) {
		t.plan.Reset = pick(r, 50, 200)
	}
	if oneIn(r, 16) {
		t.plan.Exhaust = 4
	}
	if oneIn(r, 3) {
		t.plan.Pause = pick(r, 10, 100)
		t.pingInterval = time.Second
	}
	if oneIn(r, 3) {
		t.hostiles = 1 + r.IntN(5)
		t.plan.Reset = 0
	}
	t.onPublish = oneIn(r, 3)
	t.snapshots = oneIn(r, 3)
	t.identities = oneIn(r, 3)
	t.rules = oneIn(r, 5)
	t.secure = oneIn(r, 4)
	if oneIn(r, 3) {
		t.followers = 1 + r.IntN(4)
	}
	return t
}

func (t traits) String() string {
	return fmt.Sprintf("engine=%v reactors=%d workers=%d queue=%d sndbuf=%d unsent=%d topics=%d relay=%v onEvent=%v onSubscribe=%v onPublish=%v snapshots=%v identities=%v rules=%v secure=%v followers=%d plan=%+v",
		t.engine, t.reactors, t.workers, t.queueLimit, t.sendBuffer, t.unsentLimit, t.maxTopics, t.relay, t.onEvent, t.onSubscribe, t.onPublish, t.snapshots, t.identities, t.rules, t.secure, t.followers, t.plan)
}

// timeout is for all that may take long: more than the pauses of a run count for, and less than one pause takes.
const timeout = netpoll.Paused / 5

func (t traits) config() fanout.Config {
	cfg := fanout.Config{
		Engine: t.engine, Reactors: t.reactors, Workers: t.workers, QueueLimit: t.queueLimit, SendBuffer: t.sendBuffer,
		UnsentLimit: t.unsentLimit, MaxTopics: t.maxTopics, MaxMessage: t.maxMessage, Relay: t.relay, Binary: t.binary,
		PingInterval: t.pingInterval, PeerTimeout: timeout, CloseTimeout: timeout, FirstByteTimeout: timeout, HandshakeTimeout: timeout,
		MessageTimeout: timeout,
		MemoryBudget:   1 << 40,
	}
	if t.followers > 0 {
		cfg.Policies = policiesOf(t.plan.Seed)
	}
	return cfg
}
