// Package redis is the engine on Redis: one server, a primary that sentinels watch, or a cluster. It is a [broker.Broker]. Redis 7.0 or later
// is needed, as a cluster has sharded pub/sub from then on; no message leaves a shard that has nothing to do with it.
//
// # Compatibility
//
// This package is a layer of the hub. Anyone may import it, but its API is not covered by the promise that the packages fanout and event
// make: it may change in any release, 1.0 and later ones included.
//
// # Channels and keys
//
// With P for the prefix: P:p:TYPE and P:i:TYPE:ID are the channels of plain events, P:c:NAME those of control messages, P:s:TYPE those of
// streams. A plain message with an id is published to both channels that it belongs to. P:m:TYPE, P:s:TYPE, P:z:TYPE and P:n:TYPE are the
// keys of a stream, and P:k:TYPE:KEY has an idempotency key. In a cluster the hash tag of one of 128 buckets stands behind the prefix, as in P:{4f}:p:TYPE, and
// the buckets are spread over the slots evenly. All keys of a type have one bucket.
//
// # Streams
//
// One script appends an event, trims, and publishes it, so the order of the channel is that of the stream. The script looks up the replication id of the
// server that it runs on. When that is another than last time (another server has taken over, or the server has begun anew, perhaps with an old dump), events that
// were acknowledged may be missing, and the stream gets another epoch. What is there is kept, and offsets go on from the top that was
// found. A stream that moves to another shard gets another epoch, too; so does one whose top is below what this engine has seen of the epoch.
// A server takes another replication id also when its first replica connects, and when it has had none for an hour (repl-backlog-ttl), which costs
// an epoch as well.
//
// Appends are never repeated by the engine, for a repeat could append twice: who gets an error repeats it with an idempotency key. The exception are those
// that a server refuses since it has forgotten the scripts, as after a restart: it has not appended them, and they are sent again with the script. Where another hub
// was faster with that, so that the server has taken a later event of the type meanwhile, they fail instead, for they would come behind it.
//
// The age of events is measured by the clock of Redis, from when they were appended.
//
// Half of History.Bytes is for the newest event of each id where LatestPerID asks for them, as they are kept a second time. The events of a
// stream that nobody appends to go after 30 days, or when the newest one is too old. Its epoch and its top stay as long as somebody follows it, which is to ask
// for its top or to read it, and 15 days more at least; if it has had no event yet, half a day. Redis may evict nothing (maxmemory-policy noeviction), or streams
// lose events: the log has a warning where it may. A user with restricted rights needs EVAL, EVALSHA, SCRIPT LOAD and what the scripts use, INFO above all.
//
// # Owners
//
// The manager goroutine owns the session: the client of the Redis library and the links, one for each server that channels are on. A link is a connection
// with subscriptions. The library's reading goroutine puts its messages into a bounded queue and never blocks; a goroutine of
// the link takes them out and calls Sink.Deliver. The manager subscribes and unsubscribes, whoever asks for that, so what is wanted and what is in
// force can't diverge, and it alone calls Sink.Up, Sink.Down and Sink.Lost, except that a link tells of its own overflow. It makes a new session when the connection of
// a single server is lost; in a cluster it replaces the link that is lost, and the session only if that does not help.
//
// Close waits for all of it. In a cluster a goroutine or two of the library may outlive it by some seconds: they sleep, find their client closed, and end.
//
// Sockets without TLS are read and written with raw calls, which spares the hub wakeups (internal/quietconn).
//
// # Locks
//
// The table of subscriptions, a link's queue and the table of tops have a lock each. None is held while another is taken, during a call of the
// sink, or while something is sent.
//
// # Losses
//
// A link is lost when its connection ends, when Redis does not answer a ping within the timeout, or when it is deaf: nothing has come for some
// seconds, and then what the engine publishes to itself doesn't come either. Redis ends the connection of a subscriber that reads too
// slowly (client-output-buffer-limit pubsub). Each of these, a slot that moves, and an overflow of the link's queue end in a Sink.Lost.
package redis
