//go:build faults

package fanout

// Defects that tests plant. They are set before anything starts and not changed while it runs.
var (
	defectDeliversTwice      bool
	defectRelaysToSender     bool
	defectEndsTwice          bool
	defectEndsEarly          bool
	defectReversesOutbound   bool
	defectForgetsWaiting     bool
	defectOvertakesInbox     bool
	defectLosesReadAhead     bool
	defectKeepsSubscriptions bool
	defectMissesTurn         bool
	defectCatchesUpSilently  bool
)

// Defects are what tests can plant, by what goes wrong then. A test sets one before anything runs. It exists under the build
// tag faults alone.
var Defects = map[string]*bool{
	"who holds a type and the type with an id gets an event twice":                         &defectDeliversTwice,
	"an event comes back to who sent it":                                                   &defectRelaysToSender,
	"OnDisconnection is called twice":                                                      &defectEndsTwice,
	"OnDisconnection overtakes what waits for the workers":                                 &defectEndsEarly,
	"what one turn has for another reactor goes there in reverse":                          &defectReversesOutbound,
	"what came before a worker has the inbox is left lying when the worker is done":        &defectForgetsWaiting,
	"a control event takes effect ahead of events that wait for the workers":               &defectOvertakesInbox,
	"a removed connection leaves behind what was read of an unfinished message":            &defectLosesReadAhead,
	"a connection that ends stays subscribed":                                              &defectKeepsSubscriptions,
	"what becomes known while the reactor sends waits for the next turn, whenever that is": &defectMissesTurn,
	"a reactor that has caught up tells nobody of those who wait for it":                   &defectCatchesUpSilently,
}
