// Package targettest tests whether an [event.Target] keeps the promises of that interface. Every target of Spokehub passes
// it; authors of other targets run it over theirs:
//
//	func TestMyTarget(t *testing.T) {
//		targettest.Run(t, func(t *testing.T) targettest.Pair {
//			target := mytarget.Open()
//			return targettest.Pair{Dispatch: target, Listen: target, Close: target.Close}
//		})
//	}
package targettest

import (
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
)

// patience is how long a test waits for an event that has to come.
var patience = time.Minute

// Pair is what is under test: two targets, such that the listeners of one hear what is dispatched to the other. They may be
// the same.
type Pair struct {
	// Dispatch is the target that events are dispatched to.
	Dispatch event.Target
	// Listen is the target that hears them.
	Listen event.Target
	// Settle returns once the listeners that were added to Listen are in force, and those that were removed no longer
	// are: after a round trip to a server, for instance. Nil is for targets where that is so at once.
	Settle func()
	// Close ends Listen. The test calls it once or not at all; what is left then is for the cleanup of the test. Nil leaves
	// out what is said of a target's end.
	Close func()
}

// settle waits until what has been asked of Listen is in force.
func (p Pair) settle() {
	if p.Settle != nil {
		p.Settle()
	}
}

// Run runs every test, each over a pair of its own, which open makes. Its cleanup ends what open has started.
func Run(t *testing.T, open func(t *testing.T) Pair) {
	for _, promise := range promises {
		t.Run(promise.name, func(t *testing.T) { promise.test(t, open(t)) })
	}
}

// promises are the tests, by the promise that they hold the target to.
var promises = []struct {
	name string
	test func(*testing.T, Pair)
}{
	{"AnEventArrivesWhole", anEventArrivesWhole},
	{"NoPayloadIsNull", noPayloadIsNull},
	{"ThePayloadIsNotKept", thePayloadIsNotKept},
	{"TopicsMatchByTypeAndByID", topicsMatchByTypeAndByID},
	{"AFunctionAddedTwiceIsTwoListeners", aFunctionAddedTwiceIsTwoListeners},
	{"EventsOfOneDispatcherKeepTheirOrder", eventsOfOneDispatcherKeepTheirOrder},
	{"EventsOfEachDispatcherKeepTheirOrder", eventsOfEachDispatcherKeepTheirOrder},
	{"ARemovedListenerHearsNothing", aRemovedListenerHearsNothing},
	{"AListenerRemovesItself", aListenerRemovesItself},
	{"AListenerRemovesAnother", aListenerRemovesAnother},
	{"AListenerAddsAnother", aListenerAddsAnother},
	{"AListenerDispatches", aListenerDispatches},
	{"APanicHarmsNobodyElse", aPanicHarmsNobodyElse},
	{"AnInvalidEventReachesNobody", anInvalidEventReachesNobody},
	{"AnInvalidTopicPanics", anInvalidTopicPanics},
	{"AllMethodsAtOnce", allMethodsAtOnce},
	{"NothingIsHeardAfterTheEnd", nothingIsHeardAfterTheEnd},
	{"AListenerEndsTheTarget", aListenerEndsTheTarget},
}
