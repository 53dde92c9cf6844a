// Package fanout is the hub: it owns WebSocket connections and sends each event to those that are subscribed to it.
//
//	hub, err := fanout.New(fanout.Config{Relay: true})
//	http.Handle("/ws", hub)          // or hub.Serve(listener), or hub.AddConnection(conn)
//	hub.DispatchEvent(event.Event{Type: "price", ID: "EURUSD", Payload: raw})
//
// # Compatibility
//
// Programs that embed the hub import this package and package event, and of package stream what a policy is made of
// (Config.Policies). From version 1.0.0 on, no release of the same major
// version breaks a program that uses them. Before 1.0.0 a minor version may change them; CHANGELOG.md lists every change. The
// packages netpoll, subs and wsframe are layers of the hub and may change in any release.
//
// # Who owns what
//
// A connection stays on one loop for life. A loop is a reactor of package netpoll with the hub's state for its connections.
//
//   - The reactor's goroutine owns the socket, the queue of unsent frames, messages received in part, and the subscriptions.
//     Other goroutines post tasks to it. The only user code that runs on it is the handler of Config.Logger. A connection
//     without a descriptor has two more goroutines, which read and write it; one of TLS that was made elsewhere, on Linux, only while there
//     is something to read or to write.
//   - What user code must see goes through two inboxes of the connection. The loop appends to the pending inbox and owns it.
//     A worker runs through the running inbox, and owns it until it gives it up; there is one worker at a time. It calls the
//     connection's callbacks and listeners, so these never overlap.
//   - A handshake over which Config.OnHandshake decides belongs to the loop. A worker has a copy of its request, and posts the
//     verdict to the loop, which drops it if the connection has ended meanwhile.
//   - Any goroutine may call the exported methods. Counters, and limits on connections, are atomics or have a lock of their own.
//
// # Locks
//
// There is one lock for each of these: the task queue of a reactor, a shard of the subscription index, the queue of the workers,
// the listeners of the hub and of each spoke, the registry of added connections, the counts by address, the connections on
// their way to net/http, the lifecycle, each rate limit of the log, what a spoke stores for user code, each stream, the teller of
// presence, a shard of its rooms, the spokes that were closed last for being slow, the sweeps of a loop, and the changes that a loop is to tell. No goroutine holds two of them, but for these. Under the lock
// of a stream an event is appended, its receivers are looked up, and it is posted to their reactors, so that all see one order. The teller's comes
// ahead of that of a shard of rooms, and of a task queue; that of a shard of rooms comes ahead of that of a shard of an index, and of a loop's
// changes; that of the sweeps of a loop ahead of that of its task queue, and whoever sweeps holds it while the loop answers. None is held while user code runs, or during a system call other than the one that wakes a reactor.
//
// # Order
//
// A loop runs tasks in the order in which they were posted. Before it handles a read, it runs the tasks that were posted
// before that read. So the events that one goroutine dispatches reach a spoke in order. A spoke gets the events that are
// dispatched after its subscription is acknowledged, and none that were dispatched before it asked.
//
// Messages of a spoke take effect in the order in which they were sent. An event is relayed as soon as it is parsed; its
// listeners hear it later, on a worker. A control event takes effect at once if both inboxes are empty and Config.OnSubscribe is
// not set. Otherwise it waits in the pending inbox, behind what came before. Until OnConnection has returned, events wait
// there too: they are neither heard nor relayed. So do events that Config.OnPublish is asked about: a worker asks, the loop relays
// those that may pass, and a worker has them heard. What an identity does not cover goes no further than the loop.
//
// # Identity
//
// A spoke without an identity ([ErrAuthLater]) is read and pinged, but nothing that it sends has an effect, no event reaches it, and no
// callback but OnAuth hears of it. Its first good __auth is acknowledged, then OnConnection is called, then what it sent behind that
// takes effect. Behind any __auth, a renewal too, what the spoke sends waits until OnAuth has returned, and is judged by the identity that
// it has then. The ack of a renewal waits until all subscriptions that the new identity does not cover are gone. A spoke without an identity has Config.HandshakeTimeout to get one, and three tokens. OnAuth is asked about ten
// tokens of a spoke at once, and one a second from then on; others are rejected unasked, and so are tokens longer than Config.MaxHandshake.
//
// An identity that expires ends its spoke within two tenths of a second, whatever its callbacks do meanwhile, unless a new one is in force
// by then: a renewal that OnAuth takes too long for comes too late. When an identity is given, its time is reckoned on the wall clock.
// From then on the monotonic clock counts: setting the wall clock neither lengthens nor shortens it.
//
// # Streams
//
// The events of a type with history (Config.Policies) pass append in fanout/streams.go. The store of package stream gives each its
// offset and keeps its frame, which is encoded once for all who get it, live or later. Whoever subscribes is in the index first, and
// asks for the top of the stream then: what is appended behind the top finds it there. What it has missed up to the top, and what is
// still on its way to its loop, it gets by a cursor.
//
// A cursor is all that the hub remembers of a spoke that lags, because it has come back (fanout/resume.go) or does not keep up
// (fanout/lag.go): a place in a stream, under half a kilobyte whatever it has missed. Its connection is marked, so that a fan-out passes it over
// and the loop looks at what that means for it. As its socket drains it is fed from the stream, a sixteenth of Config.QueueLimit at a
// time (fanout/feed.go); spokes at the same place are fed together, from one read, and share what is queued. What is not kept any
// more is a __gap in its place. When nothing is left in the stream, and nothing older on its way to the loop, the cursor ends and the
// spoke gets everything live again.
//
// A spoke is behind with an event whose policy says more than close when its socket is full and more than a quarter of QueueLimit
// waits for it. That is less than what has publishers wait for a congested subscriber, so nobody waits for one that lags. With
// stream.Latest the kernel takes little ahead of sending it, and a spoke is fed a few KB at a time: what waits gets old.
//
// Events that wait for a cursor count as queued, then as delivered, or dropped by reason, so the ledger of Stats adds up.
//
// Of two ways to keep the order of offsets at a subscription this is the one that costs a fan-out nothing. To compare the offset of
// each event with where each member began would cost every delivery; to look through what is posted to the loop costs a
// subscription, and that only where the loop is behind.
//
// # Presence
//
// Where a policy has presence, the hub knows which users are subscribed to a topic: its occupants, from the first connection of each to
// the last. A spoke that asks with __presence, for a topic that it may subscribe to, is sent the list of them, in as many acks as it
// takes, and from then on the changes, gathered for a quarter of a second from the first one on; who comes and goes meanwhile is not
// told. The list has those of whom the watchers before have been told, so that every change that follows is news, and one frame of changes
// serves all watchers. So a user who came in the last quarter of a second may follow the list as a change, be it the one who asks. Very
// many changes at once are told in several rounds. A list that is read slowly holds back the changes of its topic, and no events. Who does
// not read what changes is closed like one who does not read events. Messages of presence are no deliveries in Stats.
//
// # Clusters
//
// A hub with Config.Broker works as one with the others on the same engine (package broker). Without one, all that costs is a nil check where an event
// goes out and where a topic is subscribed to.
//
//	plain:   publish -> fanOut (own spokes) and outbox -> broker -> sink.Deliver -> lane -> fanOut
//	stream:  publish -> appendQueue -> broker -> sink.Deliver -> follower -> replica -> spokes
//	topics:  subs.Index -> interest -> broker
//
// Events of types without a stream reach the hub's own spokes at once, with or without a broker, and others by the outbox, which has a bound. The hub
// numbers them, and names with each the number of the one before of the same type, and of the same type and id. Whoever gets them drops
// what comes twice and notices what is missing, in a lane for each type or id that it asks for. That finds losses of whatever cause, but
// for the last event ahead of a silence. The engine tells a hub that its connection broke; then it tells its own spokes what they may have missed, and once it is back the other
// hubs, of the types of which it had given the broker events shortly before (handedOver). What may be lost of such types is told to spokes, once an
// episode (lossTeller).
//
// What a message between hubs costs is system calls and wakeups, not bytes. So the outbox leaves 0.4 ms between the parcels that it hands to the broker: a single event goes
// at once, and from 2,500 a second on several share a parcel. At 10,000 events a second to single spokes, six nodes and 3,000 spokes (bench/cluster, works users), the CPU of
// the broker went from 28 to 17 us an event on NATS and from 19 to 9 on Redis, that of hubs on NATS from 58 to 53, and the median latency from 0.36 to 0.6 ms: medians of two
// or three short runs on a machine that others used.
//
// Events of streams reach nobody before the broker has them, so all hubs see one order. A follower keeps a replica of each stream that a spoke here is
// subscribed to, in the same memory store that a hub alone has: cursors, resumes and History read that. An event that is the next one is inserted, which
// sends it. One that lies further ahead has the broker be read from where the replica ends, once for all spokes; what is gone there is a hole, which
// is told to each spoke in its place (walk). Events that were deleted from within the stream are one, too, and
// the replica keeps what it has ahead of a short one. Tops are compared after every loss, three times more within three seconds, and every ten seconds, so the last events ahead of a silence are found,
// and a stream that began anew.
//
// A subscription is carried out once the broker has been asked for what it needs, and for a stream once the replica is there. The control event waits
// for that in the inbox of its spoke, which other spokes don't notice. So what any hub publishes after the ack arrives. While the broker is away
// nothing waits for it: plain types are acknowledged, for there is nothing to get, topics of streams whose replica is here too, others are rejected. So it is where it
// does not answer for four seconds. Who was acknowledged so is told a gap when the broker has been asked, if it is there by then. Hubs give up
// what nobody wants any more two seconds later, streams after thirty: clients that come back find them.
//
// Streams are asked for by type, whatever Policy.Interest says: a position is one in the whole stream. Other types are asked for as a whole, too, unless
// their policy says stream.ByID, or stream.Auto and not very many ids are wanted here. What a hub does not ask for costs it nothing: with one
// spoke in each topic, six nodes and 2,000 events a second, asking for ids took nodes from 254 to 190 us of CPU an event on NATS and from 250 to 151 on Redis (bench/cluster, work topics, 3,000 spokes, two
// short runs).
//
// Order over types is a promise within a hub. Between hubs it holds for the plain events of one hub as far as the engine keeps it, and for each stream.
//
// Hubs tell each other every five seconds that they are there (nodes), with a digest of their policies, and by which name. One that is not heard of for 15 steps of a
// second, during which the broker is there, is gone. Presence goes from hub to hub only for topics that somebody watches on another one (roster): those who begin
// to watch say so to all, are told lists, and from then on changes, which are gathered for a quarter of a second and sent once, to all hubs. To send them to those
// alone that watch the topic would be fewer bytes and more messages: hubs times hubs, four times a second. What is told is a number of connections and no
// difference, so repeats do no harm; numbers of messages, which heartbeats have too, tell of losses, and then all is asked for again. What another hub has told is taken
// back when it is gone: a lease for each hub, none for connections. One goroutine owns all that; loops and the engine hand it tasks, and a __presence waits
// for the lists as a subscription waits for the broker.
//
// Locks, outermost first: that of a shard of the index, that of a shard of interest, that of its queue. And: that of a follower, that of a stream, that of a
// shard of the index. A follower's lock is never taken under one of interest. The outbox, the queue of appends, the link, the
// teller of losses, the nodes, and the tasks of the roster have a lock each, under which no other is taken but, under the outbox's, that of handedOver. Sinks are called on goroutines of the engine; what has to wait, reads and subscriptions, is done
// by goroutines of the cluster.
//
// # Decisions
//
// Listeners get types and ids as strings that stay valid; only the payload is borrowed. A borrowed string would be a trap: its
// bytes could change while it is the key of a map. Recent strings are interned, which takes 20 ns where an allocation takes 40.
//
// RemoveConnection returns a new connection, because a *net.TCPConn cannot be used again after its descriptor was taken out.
// The connection that callbacks get is the hub's own, and does work again.
//
// OnDisconnection is called when the hub has finished with a connection, which may be before the socket is closed. Otherwise a
// peer that does not read could delay the call.
//
// Importing this package starts no goroutine of the hub's. It starts two of package ants, on which the workers run: they serve that
// package's default pool, which the hub does not use. They never end, and belong to every user of ants in the program, so the
// hub leaves them alone; fanouttest.GoleakOptions are options for goleak that ignore them. What a hub starts has ended when
// Shutdown returns.
//
// BufferedAmount counts the bytes that the hub holds. Counting the kernel's share would take a system call for each connection;
// Config.UnsentLimit bounds it.
package fanout
