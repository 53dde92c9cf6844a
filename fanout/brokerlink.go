package fanout

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spokehub/spokehub/broker"
)

// ErrBroker says that something needs the broker, which is away or does not take it. What wraps it says why. Try again later.
var ErrBroker = broker.ErrUnavailable

// asBroker makes an error one that is ErrBroker.
func asBroker(err error) error {
	if err == nil || errors.Is(err, ErrBroker) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrBroker, err)
}

// BrokerState is how a hub and its broker stand.
type BrokerState struct {
	// Clustered says that the hub has a broker: the other fields are about that.
	Clustered bool
	// Up says that the broker is there.
	Up bool
	// Reached says that it has been there since the hub began.
	Reached bool
	// Since is when it came or went, and at first when the hub began.
	Since time.Time
	// Err is why it is not there; nil if it is, or if the hub has yet to find out. While it is there it may be ErrDuplicateNode, wrapped: the hub works, but
	// should not be taken into service under a name that another one has.
	Err error
	// Degraded is what it does not do although it is there: it takes no events of streams, does not say how far they are, or has refused to give out events of topics in the last
	// half a minute; nil if it does all, as far as was
	// tried. Publishes to streams are refused then, and types without a stream go on.
	Degraded error
	// LostAt is when events may have been lost last on the way from or to other hubs, zero if never. Those of streams have been read again since, or are about to be.
	LostAt time.Time
}

// Broker says how the hub and its broker stand. It takes a lock and returns at once; any goroutine may call it.
func (h *Hub) Broker() BrokerState {
	if h.cluster == nil {
		return BrokerState{}
	}
	state := h.cluster.link.state()
	if err := h.cluster.nodes.claimErr(); err != nil && state.Err == nil {
		state.Err = err
	}
	return state
}

// brokerLink is whether the broker is there. Any goroutine may use it; mu guards all but isUp, which changes under it.
type brokerLink struct {
	isUp    atomic.Bool
	mu      sync.Mutex
	reached bool
	since   time.Time
	err     error
	lostAt  time.Time
	// troubles are why the broker does not do something although it is there.
	troubles [brokerDuties]error
}

// brokerDuty is something that a broker may fail to do although it is there.
type brokerDuty uint8

const (
	// duties of a broker: to append events, to say how far streams are, and to give out events.
	appending brokerDuty = iota
	tellingTops
	subscribing
	brokerDuties
)

// tried notes what has come of a try, nil for success. It says whether the broker has begun to fail or does so no more.
func (k *brokerLink) tried(duty brokerDuty, err error) (isNews bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.isUp.Load() {
		return false
	}
	isNews = (k.troubles[duty] == nil) != (err == nil)
	k.troubles[duty] = err
	return isNews
}

// lost notes that events may have been lost.
func (k *brokerLink) lost() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lostAt = time.Now()
}

func (k *brokerLink) init() { k.since = time.Now() }

// up notes that the broker is there, and says whether it was not.
func (k *brokerLink) up() (isNews bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.isUp.Load() {
		return false
	}
	k.since, k.err, k.reached = time.Now(), nil, true
	k.isUp.Store(true)
	return true
}

// down notes that it is not there, and says whether that is news: that it has been there, or has never been and this is the first try.
func (k *brokerLink) down(err error) (isNews bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	isNews = k.isUp.Load() || k.err == nil
	if k.isUp.Load() {
		k.since = time.Now()
	}
	k.err, k.troubles = err, [brokerDuties]error{}
	k.isUp.Store(false)
	return isNews
}

func (k *brokerLink) state() BrokerState {
	k.mu.Lock()
	defer k.mu.Unlock()
	state := BrokerState{Clustered: true, Up: k.isUp.Load(), Reached: k.reached, Since: k.since, Err: k.err, LostAt: k.lostAt}
	for _, err := range k.troubles {
		if state.Degraded == nil {
			state.Degraded = err
		}
	}
	return state
}
