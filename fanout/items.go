package fanout

// itemKind is what happened on a connection, and so what has to be done about it.
type itemKind uint8

const (
	// itemConnected: OnConnection is called.
	itemConnected itemKind = iota
	// itemEvent: listeners hear an event.
	itemEvent
	// itemRaw: a message that holds an event came while the spoke was connecting.
	itemRaw
	// itemPassedOn: an event has been relayed or dropped, and nobody hears it.
	itemPassedOn
	// itemPublish: OnPublish is asked about an event.
	itemPublish
	// itemAllowed: OnPublish lets the event pass. It is relayed, and then heard.
	itemAllowed
	// itemRefused: OnPublish does not.
	itemRefused
	// itemReject: the spoke is told that it has lost a topic, which is the payload.
	itemReject
	// itemControl: a control event, or what is left of it.
	itemControl
	// itemAuth: OnAuth is asked about the token of an __auth, then the loop carries out what it says.
	itemAuth
	// itemSubscribed: OnSubscribed is called for topics that are in force now.
	itemSubscribed
	// itemBackpressure: OnBackpressure is called.
	itemBackpressure
	// itemCloseFrame: OnBackpressure has returned, the close frame may go out.
	itemCloseFrame
	// itemDisconnected: OnDisconnection is called.
	itemDisconnected
)

// item is one thing that happened. Its bytes are in the inbox: type, id and payload of an event or a control event, one behind
// the other, or a whole message as payload.
type item struct {
	kind itemKind
	// asked says that OnSubscribe has been asked about a control event.
	asked   bool
	at      uint32
	typ     uint32
	id      uint32
	payload uint32
	detail  *detail
}

// detail is what only rare items have.
type detail struct {
	cause    Cause
	pressure Backpressure
	// allowed is what OnSubscribe has said of topics. It has not been asked about those that are missing, and those are refused.
	allowed map[string]bool
	// progress is that of a control event.
	progress progress
	// attempt is that of an __auth.
	attempt *attempt
	// topics are those that OnSubscribed is called for, told how many it was called for, and snapshot what it may send to.
	topics   []string
	told     int
	snapshot *snapshot
}

// isAnswered says that OnPublish has been asked about an event, which the loop has yet to pass on.
func (k itemKind) isAnswered() bool { return k == itemAllowed || k == itemRefused }

// isForWorker says that a worker runs such an item to its end, or has nothing to do for it. The loop carries out any other; a worker at
// most asks a hook about it.
func (k itemKind) isForWorker() bool {
	switch k {
	case itemConnected, itemEvent, itemPassedOn, itemBackpressure, itemDisconnected:
		return true
	}
	return false
}
