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
// one before; one that is published costs one.
//
//	go test -run xxx -bench Idle -benchtime 5000x ./spoke
//	go test -run xxx -bench 'Receive|Publish' ./spoke
package spoke
