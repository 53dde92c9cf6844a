// Package nats connects hubs over NATS: plain messages over its subjects, and streams over JetStream. [New] makes an [Engine], which has the interface
// [broker.Broker].
//
// # Compatibility
//
// This package is a layer of the hub. Anyone may import it, but its API is not covered by the promise that the packages fanout and event
// make: it may change in any release, 1.0 and later ones included.
//
// # What it needs
//
// A nats-server of version 2.10 or newer, with JetStream where a policy keeps history. From 2.11 on a page takes one round trip. A user with
// restricted permissions may publish to PREFIX.> and $JS.API.>, and subscribe to PREFIX.>.
//
// What the servers refuse beyond that, or since there are more subscriptions than they allow, is broker.ErrRefused, and in the log once in ten seconds of each kind of subject. Subscribe
// returns it, and tries again every ten seconds; Append and what else waits for an answer return it at once; and if it concerns what is restored on a connection, or the answers, the
// engine is down. Publish does not wait, so what is refused to it shows in the log alone.
//
// # Subjects and streams
//
// P is Config.Prefix. Types and ids are tokens with all bytes but letters, digits, "-" and "_" percent-encoded.
//
//	P.p.TYPE, P.p.TYPE.ID  plain messages; who wants a type subscribes to both, the second with a star
//	P.c.NAME               control messages
//	P.s.TYPE.ID            what a stream stores; ID is "%" where there is none
//	P.r.TYPE               what a stream passes on once it has stored it, with its offset in a header
//	P.i.RANDOM.NUMBER      answers to this engine
//
// The stream of a type is P_events_TYPE, with a hash if the type is not of lower-case letters, digits, "-" and "_" alone. JetStream's
// sequence is the offset. If the policy keeps the newest of each id, a second stream P_newest_TYPE copies the first. The servers copy some time
// after they have stored, so the first has room for as many events again as the policy keeps, and 16,384 at least. Survivors are copied per epoch:
// those that had left the row are lost with it. Each of the two streams may take History.Bytes. JetStream sets the bytes of its streams aside when
// they are made, so its store has to be large enough for all.
//
// # Epochs
//
// The epoch is in the metadata of the stream: random when the stream is made, and counted on (x, x-1, x-2) by whoever notices that the stream has lost
// what it had. An engine notices that when the stream ends below what the engine has seen of it, or a stream with one replica gives out an
// offset again. Since the next epoch is made of the last one, engines that notice at once agree. If every engine was started anew since the loss, none can
// notice.
//
// # Owners and locks
//
//   - The client library's goroutines read the socket, put messages into a channel, and call handlers. The pump (queue.go) takes them from there into the queue. Handlers only write down news and
//     wake the keeper.
//   - The keeper (news.go) is one goroutine. It restores what is wanted when there is a new connection, and it alone calls Sink.Up, Down and Lost.
//   - Another goroutine (deliver.go) takes from the queue and alone calls Sink.Deliver. So the sink is never called under a lock.
//   - keys.mu guards what is wanted, and is held while subscriptions are sent. calls.mu guards who waits for answers. A sequence's gate is held while its
//     stream is made or changed, and state.mu guards where it is.
//
// Lock order: life, a gate, keys, calls, streams, state, news. The client library's own lock comes behind keys. Those of the queue and of refusals have none behind them. Close may not be called by the sink.
//
// # Bounds
//
// The queue has Config.Queue messages and Config.QueueBytes bytes; what comes beyond is lost and told. A call of Append has 1,024 events under way, a call of Tops 256 questions, and
// 16 pages are read at a time. Calls end with their context and after ten seconds; Publish and Subscribe may take up to two seconds longer when the server
// does not read, then the connection is given up. The client library buffers nothing while there is no connection. What the engine knows of a stream stays in
// its memory: some 200 bytes for each type with history.
//
// # When a connection is given up
//
// The client library asks every two seconds whether the server is there, and gives up after two questions without an answer. If nothing
// has come for five seconds the engine also sends a message to itself: if that does not come back within five seconds the connection
// is deaf. Then, and after each reconnect, the order is: Down, all subscriptions in force, Up, Lost.
//
// Two losses are not told. An event that a stream has stored, and whose leader dies before it has passed the event on. And in a cluster of servers: Up says that
// the server which the engine is connected to has confirmed all subscriptions, and that one tells the others of them as it goes on. What a stream with its leader
// on another server passes on until then does not come. The next event shows the hole; if there is none, comparing Tops does. So hubs compare them when the
// engine is up again, and three times more within three seconds.
//
// The client library goes on after a write of subscriptions that has failed or come too late, without them. So here each write that fails
// ends the connection (wire.go): either all subscriptions are in force, or there is another Down.
//
// A reconnect with 100,000 subscriptions takes half a second to a second, on the machine below (BenchmarkReconnectWithManyKeys). They are written 32 KiB at a time; over TLS, where the
// library encrypts each by itself, one at a time.
//
// # What a message costs
//
// Mostly system calls and wakeups, so the socket is read and written with raw calls (internal/quietconn): at 10,000 events a second six hubs on one core took 57 us of CPU an
// event in place of 67 (bench/cluster, work users, 3,000 spokes, median of three short runs).
//
// # Figures
//
// On a 2-core virtual machine with the server on the same machine, Go 1.26, nats-server 2.15: 440,000 messages of 128 bytes a second from hub to hub, 44,000 appends
// a second in batches of 256, and a page of 256 events in 1.5 ms. Read the figures as ratios, and see the benchmarks.
package nats
