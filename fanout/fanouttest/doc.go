// Package fanouttest is for tests of services that embed package fanout: a real hub with clients connected through memory. It needs
// no port and no file.
//
//	func TestPricesReachSubscribers(t *testing.T) {
//		hub := fanouttest.New(t, fanout.Config{OnSubscribe: mayRead})
//		service := newService(hub.Hub)
//		alice, bob := hub.Connect(), hub.Connect()
//		alice.Subscribe("price:EURUSD")
//
//		service.publish("EURUSD", 1.08)
//
//		alice.Expect(event.Event{Type: "price", ID: "EURUSD", Payload: []byte("1.08")})
//		bob.ExpectNone()
//	}
//
// Nothing needs a sleep. [Client.Subscribe] returns when the subscription is in force. [Client.Next] and [Client.Expect] wait for an event, at
// most [Hub.Patience], and fail the test with what they waited for and what came instead. [Hub.Quiet] waits until the hub has nothing
// left to do, so [Client.ExpectNone] knows that nothing is on its way.
//
// # Who clients are
//
// [Hub.Dial] sends a handshake with cookies and headers through the service's own handler, so Config.OnHandshake is asked.
// [Hub.Connect] takes fanout.AddOptions, which say at once who the client is:
//
//	client, answer := hub.Dial(service, requestWithCookie)
//	ada := hub.Connect(fanout.AddOptions{Identity: fanout.Identity{User: "ada"}})
//	later := hub.Connect(fanout.AddOptions{AuthLater: true})
//	later.Auth("token")
//
// [Client.NextReject] tells which events a client was not allowed to send.
//
// # Leaked goroutines
//
// A package whose tests look for leaked goroutines passes [GoleakOptions] to goleak, because importing the hub starts two that
// belong to package ants and never end:
//
//	func TestMain(m *testing.M) { goleak.VerifyTestMain(m, fanouttest.GoleakOptions()...) }
//
// # Slow clients
//
// [Client.Stall] stops reading. The hub then queues what it sends, and closes the client with 1013 when Config.QueueLimit is
// exceeded; set that low in tests. [Client.Resume] reads on, and [Client.Closed] returns the close code.
//
// # Fake time
//
// A hub of this package works in a bubble of testing/synctest, where 25 seconds until a ping pass as soon as everybody waits:
//
//	synctest.Test(t, func(t *testing.T) {
//		hub := fanouttest.New(t, fanout.Config{PeerTimeout: time.Minute})
//		client := hub.Connect()
//		client.Stall()
//		time.Sleep(time.Minute + time.Second)
//		client.Resume()
//		code, _ := client.Closed()
//		if code != 1006 { ... }
//	})
//
// Create the hub inside the bubble, and leave Config.Engine alone: the other engines wait in system calls, which fake time does
// not know.
package fanouttest
