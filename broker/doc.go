// Package broker is what a hub asks of the engine that connects it to other hubs: to pass messages on, and to keep streams. [Broker] is the
// one interface; broker/nats and broker/redis have it, and broker/inproc within one process, for simulations and tests. Package
// brokertest has the conformance test that all of them pass.
//
// # Compatibility
//
// This package is a layer of the hub. Anyone may import it, but its API is not covered by the promise that the packages fanout and event
// make: it may change in any release, 1.0 and later ones included.
//
// # What passes between hubs
//
// A [Message] is the envelope of an event, or what hubs tell each other, behind a header of 48 bytes (see [AppendHeader]): two letters, the version of the
// format, who sent it, and a number with the numbers of the same sender's messages before it. So who receives finds losses by itself, whatever
// the engine tells, and drops what comes twice.
//
// There are three kinds of keys. [Plain] events reach whoever is subscribed now, each at most once. An event of a [Stream] is appended
// to what the engine keeps, and then reaches whoever is subscribed, with its position: so all hubs see one order. [Control] messages are
// what hubs tell each other.
//
// # What an engine promises
//
//  1. Subscribe returns when the subscription is in force: what any hub publishes from then on arrives, as long as the engine is up. The engine
//     restores its subscriptions by itself after it was away.
//  2. Messages that one hub publishes to one key arrive in that order, each once. Those of a stream arrive in the order of their offsets.
//  3. Whatever may have been lost is told by Sink.Lost, by the engine's own doing or the client library's: reconnects, drops, a connection
//     that looks healthy and is deaf. What was lost of a stream can be read, as far as it is kept.
//  4. Offsets of an epoch are dense: each event has that of the one before and one more. An engine that has lost events which it had
//     acknowledged, or that was emptied, has another epoch.
//  5. What a stream keeps is bounded by its policy. History.Bytes bounds the newest events of ids, too: while there is too much of them, the oldest
//     go. An engine that keeps those apart from the row may take as much for each of the two.
//  6. No call queues without a bound, and none waits longer than its context.
//
// # Where it does not
//
// An error of Append may leave open whether the event was appended; then it may arrive. Who wants to be sure sends it again with its
// idempotency key.
package broker
