// Package brokers only holds tests: hubs that work as one over real servers of NATS and Redis, to which what breaks is done under load.
//
// Three hubs with four clients each, and publishers at every hub. A fault is caused, and healed. Then the books are checked, of all hubs together: every
// event that was published is accounted for at every client that was subscribed to it, as delivered, or as told by a gap. What a client
// gets of a stream comes in the order of its offsets, each once, with the payload that the publisher's receipt names. What it gets of types without a
// stream comes in the order of its publisher, each once, and nothing of its own hub is missing.
package brokers
