// Package spoke is the client of a hub for Go: a connection that comes back by itself, with its subscriptions.
//
//	client, err := spoke.Dial(ctx, "wss://hub.example.com/ws", spoke.Config{Token: token})
//	if err != nil {
//		return err
//	}
//	defer client.Close()
//	client.AddEventListener("price:EURUSD", func(e event.Event) { fmt.Println(string(e.Payload)) })
//	err = client.Publish(ctx, event.Event{Type: "order", ID: "7", Payload: payload})
//
// A [Client] is an [event.Target]: code that takes one runs with a client, with a hub (fanout.Hub.Target) and within a process
// (event.Local).
//
// # Subscriptions
//
// A topic is subscribed to while somebody wants it: a listener, a loop over [Client.Events], or a call of [Client.Subscribe]. The
// first one subscribes, the last one unsubscribes. Changes that come together go to the hub in one message. Subscribe
// waits until the hub has acknowledged and says what it refuses; everyone else hears of that by Config.OnReject. A topic that was
// refused is asked for again with the next connection, or by the next one who wants it.
//
// A hub of a cluster that is cut off from its broker can't take topics of streams that it does not know yet ([event.Unavailable]). That is no
// refusal: who waits goes on waiting, other topics go ahead, and the client asks again for as long as somebody wants the topic: after 1 s,
// doubling up to 20 s, each time half of that or more at random, and with the next connection. A position that it was to resume from stays.
// Config.OnUnavailable is told of the topic, and Stats.Unavailable counts. An event that is refused with the same reason is told to Config.OnReject, and may be published again.
//
// # Reconnecting
//
// A connection that ends or fails is made again after a delay: what the hub says (retry_after_ms, Retry-After), or else full
// jitter between 0.5 s and a ceiling that doubles from 2 to 20 s. Failures no longer count behind a connection that has lasted 5 s.
// The token, if it goes as an event, and all topics are sent first, then what was queued. Nothing that was on a socket
// is sent again: an event is delivered once at most, and [Client.Flush] says whether the hub has it.
//
//	1001, 1005, 1006, 1011, 1012, 1013, 4429, unknown codes     come back
//	1008                                                        come back if the hub says when
//	4401, status 401                                            come back once, with a new token from Config.GetToken
//	1000, 1002, 1003, 1007, 1009, 4403, status 200, 3xx, 4xx    stop
//	status 408, 425, 429, 5xx, no answer                        come back
//
// A client that stops has the phase [Closed]; [Client.Err] says why.
//
// # Streams
//
// Of some types the hub keeps events ([event.Position] says what a stream is). The client resumes their topics by itself: it knows where each
// is, and asks with the next connection for what came since. So a listener gets each event once, in order, whatever breaks. What
// the hub keeps no longer, or did not send to a client that was slow, is a gap: Config.OnGap is called with it, and a loop
// over Events gets a [*GapError], in the place of what is missing. A gap of a type is one of all its topics. It may be told again if the
// connection breaks right behind it. Types of which the hub keeps nothing have no gaps but those that a hub tells that drops events for slow
// clients.
//
//	client.Resume("price", stored)          // ahead of the first listener: begin where the program stopped
//	position, ok := client.Position("price")  // in the listener, or in the loop: what to store
//
// All topics of a type share what is known of its stream: an event of price:EURUSD moves price:GBPUSD on, too, since the hub sends all that
// is ahead of it first. Not so while a topic gets what it has missed: until an event behind that has come, only its own events move it. So
// a connection that breaks in the middle costs nothing. An event that comes again is dropped and counted (Stats.Repeated).
//
// An event of a stream has its offset in Event.Offset. What a client publishes to a stream comes back to it if it listens, in its
// place among the others; an event of a type without a stream does not.
//
// [Client.Presence] is a loop over who is subscribed to a topic, where the hub keeps that.
//
// # Life signs
//
// Mobile networks and load balancers drop connections without a word. If nothing has come for Config.PingInterval, the client
// asks the hub for an answer (an __unsubscribe of no topics) and gives the connection up after Config.PongTimeout without a byte. The hub's pings are
// answered, but for those that come while a message is being written, which says as much. A socket that takes nothing for PongTimeout is given up, too. While a listener runs, nothing is read and nothing is
// concluded.
//
// # Decisions
//
//   - Two goroutines a client, as long as it lives: one connects, reads and calls; one writes. A handshake and the renewal of a token have
//     more while they last. All callbacks of a client run on the one that reads: never two at once, in the order of what
//     happened. Thousands of clients in a process are a supported use.
//   - No method that takes a context outlives it, and none that has none waits for the network; Close does, for Config.CloseTimeout at most.
//     Users of github.com/coder/websocket find that a context that ends closes the connection: here it ends the call alone.
//   - Nothing is dropped in silence. A queue that is full is an error of Publish, a loop that is too slow gets ErrSlowReader or is told
//     how many events it lost, and Close says how many events were left. Users of the NATS client miss slow consumers' messages unless they
//     ask; users of centrifuge-go have no iterator and no way to wait until a publication has arrived.
//   - Resume is a method and no field of Config, since programs learn while they run of topics that they have stored a position of, and
//     one way is enough. Users of Kafka's and NATS's clients know positions as what a consumer has acknowledged. Here it is what a listener
//     or loop has been handed, so that a program that stores it once it is done has every event at least once.
//   - A Presence has all users and the difference, so that nobody needs to tell lists from changes, or to do anything about a connection
//     that breaks.
//   - A reject without an id may be of an event or of a subscription that the hub takes away. The client asks for the topic again;
//     the answer tells.
//   - A control event that the hub rejects as a whole because it names too many topics is sent again in halves.
//   - When a token in the handshake expires is read from it, if it is a JSON Web Token, and verified by nobody: the client only wants to
//     know when to fetch the next one. The acks of renewals say when those expire.
//
// # Cost
//
// An idle, subscribed client takes some 27 KB and two goroutines; by the profile of the heap most of it are buffered readers and writers of
// 4 KB each that net/http and coder/websocket keep. An event that comes costs one or two allocations, one if its type and id are those of the
// one before; one that is published costs one. Events of streams take a lock besides.
//
//	go test -run xxx -bench Idle -benchtime 5000x ./spoke
//	go test -run xxx -bench 'Receive|Publish' ./spoke
package spoke
