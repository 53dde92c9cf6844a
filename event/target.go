package event

// Target is where events are dispatched to and listened for, whatever lies between the two: nothing ([Local]), a hub and
// its network, or a client's connection. Code that knows only a Target works with each of them. Any goroutine may call
// the methods, listeners included, and neither method waits for the network.
//
// Every target promises the following; package targettest has a test of it for targets of your own.
//
//  1. A listener is called once for each event that its topic matches, with the payload's bytes unchanged (none is null),
//     and for no other. An event matches the topic that is its type and, if it has an id, the topic "type:id". A function
//     that was added twice is two listeners.
//  2. Order: events dispatched by one goroutine reach each listener in that order.
//  3. A listener may dispatch, add and remove, itself included. Once remove has returned, no call of that listener begins
//     on the same goroutine, and one on another goroutine only if it has been under way. Further calls of remove do nothing.
//  4. A panic in a listener reaches neither the dispatcher nor other listeners, and is told: logged, counted, or both.
//  5. After its end, whatever ends it, a target calls no listener and its methods do nothing.
//
// What lies between may lose events, as networks do, and a network needs time until a subscription is in force. Each target
// says how that is told.
type Target interface {
	// DispatchEvent sends the event to the listeners, here or elsewhere. False says that it reaches nobody: it is not valid
	// ([Event.Validate]), there is no room for it, or the target has ended. True promises nothing that the target itself
	// does not. A hub always returns true and counts. It does not keep the payload.
	DispatchEvent(e Event) bool
	// AddEventListener has listener called for the events of the topic, which is a type, or a type and an id as "type:id".
	// The payload is borrowed until it returns ([Event.Clone] keeps it). A listener that is nil and a topic that breaks the
	// rules of [ValidTopic] are mistakes in the program: it panics. Ask ValidTopic about topics that come from elsewhere.
	AddEventListener(topic string, listener func(Event)) (remove func())
}
