package fanout_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// onlooker is a client that follows the users of the topics that it watches, as the messages come, and notes what contradicts what
// came before. mu guards it.
type onlooker struct {
	*client
	mu    sync.Mutex
	views map[string]map[string]bool
	// coming are lists of which more is to come.
	coming map[string]map[string]bool
	wrong  []string
	acked  int
	over   chan struct{}
}

func newOnlooker(c *client) *onlooker {
	o := &onlooker{client: c, views: map[string]map[string]bool{}, coming: map[string]map[string]bool{}, over: make(chan struct{})}
	go o.follow()
	return o
}

// follow reads to the end of the connection.
func (o *onlooker) follow() {
	defer close(o.over)
	for {
		f, err := o.next()
		if err != nil {
			return
		}
		if f.op == opText {
			o.take([]byte(f.payload))
		}
	}
}

func (o *onlooker) take(message []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var kind struct{ Type string }
	_ = json.Unmarshal(message, &kind)
	switch kind.Type {
	case event.TypeAck:
		ack, err := event.ParseAck(message)
		switch {
		case err != nil:
			o.note("an ack that is none: %s", message)
		case ack.Topic != "":
			o.takeList(ack)
		case ack.ID[0] == 'u':
			for _, topic := range ack.Topics {
				delete(o.views, topic)
			}
		}
		if !ack.More {
			o.acked++
		}
	case event.TypePresence:
		change, err := event.ParsePresence(message)
		if err != nil || len(change.Join)+len(change.Leave) == 0 {
			o.note("a change that is none: %s", message)
		}
		o.takeChange(change)
	case event.TypeGap:
	default:
		o.note("the message %s", message)
	}
}

func (o *onlooker) takeList(ack event.Ack) {
	list := o.coming[ack.Topic]
	if list == nil {
		list = map[string]bool{}
	}
	for _, m := range ack.Users {
		if list[m.User] || m.Connections < 1 {
			o.note("%+v in a list that has %v", m, list[m.User])
		}
		list[m.User] = true
	}
	if ack.More {
		o.coming[ack.Topic] = list
		return
	}
	delete(o.coming, ack.Topic)
	o.views[ack.Topic] = list
}

func (o *onlooker) takeChange(change event.PresenceChange) {
	view := o.views[change.Topic]
	if view == nil || o.coming[change.Topic] != nil {
		o.note("a change of %s, which is not watched, or whose list is on its way", change.Topic)
		return
	}
	for _, user := range change.Join {
		if view[user] {
			o.note("%s joins %s again", user, change.Topic)
		}
		view[user] = true
	}
	for _, user := range change.Leave {
		if !view[user] {
			o.note("%s leaves %s without having been there", user, change.Topic)
		}
		delete(view, user)
	}
}

func (o *onlooker) note(format string, args ...any) {
	o.wrong = append(o.wrong, fmt.Sprintf(format, args...))
}

// mistakes are all that contradicted what came before.
func (o *onlooker) mistakes() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.wrong)
}

// sees says whether the onlooker's view of every topic that it watches is what the hub says.
func (o *onlooker) sees(hub *fanout.Hub, asked int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for topic, view := range o.views {
		users := map[string]bool{}
		for _, m := range hub.Presence(topic) {
			users[m.User] = true
		}
		if !maps.Equal(view, users) {
			return false
		}
	}
	return o.acked == asked
}

// walker is a client of the model test, and what it has: all of it is asked for with an id, and answered.
type walker struct {
	*onlooker
	spoke      *fanout.Spoke
	user       string
	subscribed map[string]bool
	asked      int
}

func (w *walker) send(kind, topic string) {
	w.asked++
	w.text(envelope(kind, kind[2:3]+fmt.Sprint(w.asked), jsonOf(map[string]any{"topic": topic})))
	switch kind {
	case "__subscribe":
		w.subscribed[topic] = true
	case "__unsubscribe":
		delete(w.subscribed, topic)
	}
}

// TestEveryWatcherSeesWhatIsTrueOnceItIsQuiet has clients on several loops come, go, subscribe and watch at random. Some hubs have queues so
// short that lists come in pieces.
func TestEveryWatcherSeesWhatIsTrueOnceItIsQuiet(t *testing.T) {
	t.Parallel()
	topics := []string{"room", "room:1", "room:2"}
	users := []string{"ada", "grace", "joan", "mary", ""}
	for seed := range uint64(3) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			dice := rand.New(rand.NewPCG(seed, 1))
			cfg := fanout.Config{Reactors: 3}
			if seed%2 == 1 {
				cfg.QueueLimit = 1 << 10
			}
			h := newTestHub(t, presenceConfig(cfg))
			h.joinAs("first")
			walkers := make([]*walker, 24)
			for round := range 3 {
				for range 1500 {
					i := dice.IntN(len(walkers))
					w := walkers[i]
					if w == nil || dice.IntN(60) == 0 {
						if w != nil {
							endOf(t, dice, w)
						}
						user := users[dice.IntN(len(users))]
						peer, spoke := h.joinAs(user)
						walkers[i] = &walker{onlooker: newOnlooker(peer), spoke: spoke, user: user, subscribed: map[string]bool{}}
						continue
					}
					topic := topics[dice.IntN(len(topics))]
					switch dice.IntN(8) {
					case 0, 1, 2:
						w.send("__subscribe", topic)
					case 3, 4:
						w.send("__unsubscribe", topic)
					case 5, 6:
						w.send("__presence", topic)
					default:
						if w.user == "" {
							w.user = "named"
							if err := w.spoke.SetIdentity(fanout.Identity{User: w.user}); err != nil {
								t.Fatal(err)
							}
						}
					}
				}
				truth := map[string]map[string]int{}
				for _, topic := range topics {
					truth[topic] = map[string]int{}
				}
				for _, w := range walkers {
					for topic := range w.subscribed {
						if w.user != "" {
							truth[topic][w.user]++
						}
					}
				}
				until(t, fmt.Sprintf("round %d: the hub knows who is where", round), func() bool {
					for _, topic := range topics {
						got := map[string]int{}
						for _, m := range h.hub.Presence(topic) {
							got[m.User] = m.Connections
						}
						if !maps.Equal(got, truth[topic]) {
							return false
						}
					}
					return true
				})
				for _, w := range walkers {
					until(t, fmt.Sprintf("round %d: every watcher sees that", round), func() bool { return w.sees(h.hub, w.asked) })
					expectAll(t, "mistakes", w.mistakes(), nil)
				}
			}
			for _, w := range walkers {
				w.conn.Close()
				<-w.over
			}
			until(t, "no room is left", func() bool { st := h.hub.Stats(); return st.PresenceRooms+st.PresenceMembers+st.PresenceWatchers == 0 })
		})
	}
}

// endOf ends a walker in one of several ways.
func endOf(t *testing.T, dice *rand.Rand, w *walker) {
	t.Helper()
	if dice.IntN(2) == 0 {
		w.spoke.Close(fanout.CodeNormal, "")
	}
	w.conn.Close()
	<-w.over
	expectAll(t, "mistakes", w.mistakes(), nil)
}
