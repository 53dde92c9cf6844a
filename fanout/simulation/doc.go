// Package simulation only holds a test: it plays random schedules of client actions, calls of the embedder and system faults against
// a hub, and compares the hub with a model that knows what every client must receive. It needs Linux and the build tag faults:
//
//	go test -tags faults ./fanout/simulation                          500 seeds, and the planted defects (some eight minutes)
//	go test -tags faults ./fanout/simulation -sim.seeds 100000        more seeds
//	go test -tags faults ./fanout/simulation -run EverySchedule -sim.seed 4711 -sim.seeds 1 -sim.repeat 100    replay a seed
//
// A seed fixes the configuration, the plan of faults and the dice of every action. It does not fix how threads run, so a failure may
// take several repeats to come back. The actions up to a failure are printed with it.
//
// # The model
//
// Every event belongs to a series: that of the driver, of one client, or of the callbacks of one client. Its payload has the series, its
// number there and the action that made it. For each event and client, a verdict says whether the client must get the event, may get
// it, or must never get it. A subscription is certain from the answer to the control event that made it until the next control
// event about it. An event that the hub dispatches on behalf of a client is in flight until a barrier has shown that it was dispatched.
// What changes in the meantime makes its verdicts uncertain. A client must not see a number of a series twice, nor a lower
// number after a higher one, nor miss a number that it must get below one that it got.
//
// A barrier is a control event that asks for an answer. The answer comes after everything that was queued for the client before,
// so by then the client has everything that it must have, and the callbacks for what it sent have run. This takes no sleep and no
// guess.
//
// # Hostile clients
//
// In some seeds hostile clients share the hub with those of the model: they flood it with pings, fragments, topics or relays, leave
// messages unfinished, go on sending behind a close, stall and come back. The model does not follow them. It knows what may end each,
// and with which code, and what the hub may hold for it at most. Beside them is an innocent, which always reads and to which little is
// ever on its way: it gets every event, and nobody closes it.
//
// # Followers
//
// In some seeds types have policies, and followers share the hub with the other clients: they subscribe to such types and to their ids, from positions
// that they have had and from others, old ones, ones ahead, ones of another epoch and none at all. They ask for more while they are fed, leave,
// stall, read slowly, are cut off and come back. Events come from the driver, from several goroutines at once, with idempotency keys, and from
// followers, who get their own. There is a type for each thing that a policy may say of a slow spoke, and for each bound of a history.
//
// The model reads what comes to a history (Hub.History): what has an offset must have been sent once, and in the order of its sender. For each
// subscription of a follower it knows from the answer where it begins. Each event that comes must be due by one of them. None that is due may be left
// out ahead of it, unless a gap or the answer has told of it before, and what they tell must be missing. What an answer or a gap says is checked
// against the policy: what is gone, whether it is superseded, to the number where no other subscription of the follower is to the type. At a quiet
// moment nobody lags, all that is due has come, and the counters have what followers were told.
//
// # Identities
//
// In some seeds clients have users and permissions: they are added with them, get them in OnConnection or by the handshake, or are let in
// without and send tokens, wrong ones too. Tokens and the hub's side change permissions in the run, identities expire or are renewed in
// time, users are sent events and disconnected, and in some seeds there are topic rules that change. The model has the permissions and rules
// in words of its own (levels, ruleSets). An event that a client may not publish belongs to no series and names its client: wherever it
// shows, something is wrong. Behind a token that is under way, a client sends only what any permissions let it publish, and what neither do:
// if it ends before the answer, nobody knows by which its events were judged.
//
// # TLS
//
// In some seeds the hub has a second port, which speaks TLS, and half of the clients come there, hostile ones too. They are clients of crypto/tls, of
// version 1.2 or 1.3, whose records go out in pieces. All promises hold for them as for others, and the end must be told by a close_notify.
// Strangers come there too and get no further than the handshake: they send noise, plain HTTP, half a hello, garbage in place of a record or a
// part of one, and leave without a word. There, removed connections of any kind are given back, as new clients, of which the
// old owner may have read the beginning.
//
// # Pauses
//
// In some seeds the clocks of reactors jump ahead by more than all timeouts, in a wait or in a turn, as they do when the process is
// stopped. Nobody is closed for it. A jump counts for about a second, so spokes are pinged there, and answer. In all seeds, clocks
// jump also when nothing goes on or a dispatch is slowed down: the hub may have somebody wait for slow readers.
//
// # Planted defects
//
// Each file of testdata/defects is a patch that breaks the hub in one way. It is written like a diff without line numbers, and its first
// line says what goes wrong. What this simulation can't see has a second line, "caught by: PACKAGE TEST": that test must fail with the patch within 20
// runs, and pass without it. The simulation of clusters catches defects in that way, too: each run of its test has 40 other seeds, and no more
// than two minutes, which do not count as a failure. Otherwise the test builds the simulation with each patch (go test -overlay) and fails if the patch does
// not apply, does not compile, or is not caught within 1,000 seeds. It prints the seed that caught it and how to replay it.
package simulation
