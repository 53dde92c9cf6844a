package spoke

import (
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/spokehub/spokehub/event"
)

// presenceModel is a client without a network, and a hub that has one topic with presence. What the hub sends waits in sent.
type presenceModel struct {
	t      *testing.T
	random *rand.Rand
	client *Client
	users  map[string]bool
	sent   [][]byte
	// batch are changes that the hub has yet to tell, and watches says that it tells them.
	batch   map[string]bool
	watches bool
	loops   []*modelLoop
	// wanted is how many want the topic itself, and has says that the hub has the client subscribed to it.
	wanted int
	has    bool
}

// modelLoop is a loop over presence.
type modelLoop struct {
	of      *presence
	watcher *watcher
	users   map[string]struct{}
	// copied are the users as its Join and Leave say.
	copied map[string]bool
}

const modelRoom = "room:7"

// TestPresenceIsWhatTheHubSays runs random joins, leaves, lists in parts, loops, subscriptions and breaks, and compares what each loop
// has got with the users of the hub whenever nothing is on its way.
func TestPresenceIsWhatTheHubSays(t *testing.T) {
	compared := 0
	for seed := range uint64(100) {
		m := &presenceModel{t: t, random: rand.New(rand.NewPCG(seed, 9)), users: map[string]bool{}, client: &Client{cfg: Config{MaxTopics: 10, Logger: slog.New(slog.DiscardHandler)}}}
		m.connect()
		for range 1000 {
			m.step()
			if m.random.IntN(10) == 0 {
				m.settle()
				compared += len(m.loops)
			}
		}
	}
	if compared < 10_000 {
		t.Errorf("%d loops were compared, which checks too little", compared)
	}
}

func (m *presenceModel) connect() {
	c := m.client
	c.link = &link{}
	c.topics.connect()
	c.presence.connect()
	m.sent, m.batch, m.watches, m.has = nil, nil, false, false
}

func (m *presenceModel) disconnect() {
	m.client.link, m.client.requests.open = nil, nil
	m.client.topics.disconnect()
	m.client.presence.disconnect()
}

func (m *presenceModel) step() {
	switch n := m.random.IntN(100); {
	case n < 30:
		m.change()
	case n < 45:
		m.tellBatch()
	case n < 65:
		m.read()
	case n < 80:
		m.carryOut()
	case n < 84:
		m.disconnect()
		m.connect()
	case n < 90:
		w := &watcher{more: make(chan struct{}, 1)}
		m.loops = append(m.loops, &modelLoop{of: m.client.watch(modelRoom, w), watcher: w, users: map[string]struct{}{}, copied: map[string]bool{}})
	case n < 94 && len(m.loops) > 0:
		at := m.random.IntN(len(m.loops))
		m.client.unwatch(m.loops[at].of, m.loops[at].watcher)
		m.loops = slices.Delete(m.loops, at, at+1)
	case n < 97:
		m.client.acquire(modelRoom)
		m.wanted++
	case m.wanted > 0:
		m.client.release(modelRoom)
		m.wanted--
	}
}

// change has a user join or leave.
func (m *presenceModel) change() {
	user := fmt.Sprint("u", m.random.IntN(8))
	m.users[user] = !m.users[user]
	if m.watches {
		if m.batch == nil {
			m.batch = map[string]bool{}
		}
		m.batch[user] = m.users[user]
	}
}

func (m *presenceModel) tellBatch() {
	var join, leave []string
	for user, joins := range m.batch {
		if joins {
			join = append(join, user)
		} else {
			leave = append(leave, user)
		}
	}
	m.batch = nil
	if len(join)+len(leave) > 0 {
		m.sent = append(m.sent, event.AppendPresence(nil, modelRoom, join, leave))
	}
}

// carryOut has the hub do what the client asks for next. It returns false if that is nothing.
func (m *presenceModel) carryOut() bool {
	l := m.client.link
	if len(l.control) == 0 {
		m.client.fillControl(l)
	}
	if len(l.control) == 0 {
		return false
	}
	var view event.View
	if err := view.Parse(l.control[0]); err != nil {
		m.t.Fatal(err)
	}
	l.control = l.control[1:]
	switch view.Control() {
	case event.Presence:
		m.list(string(view.ID))
	case event.Unsubscribe:
		m.watches, m.has, m.batch = false, false, nil
		m.sent = append(m.sent, event.AppendAck(nil, view.ID, [][]byte{[]byte(modelRoom)}))
	default:
		m.has = true
		m.sent = append(m.sent, event.AppendAck(nil, view.ID, [][]byte{[]byte(modelRoom)}))
	}
	return true
}

// list answers in parts, with changes between them.
func (m *presenceModel) list(id string) {
	m.tellBatch()
	m.watches = true
	var all []event.Member
	for user, isThere := range m.users {
		if isThere {
			all = append(all, event.Member{User: user, Connections: 1})
		}
	}
	for more := true; more; {
		part := min(len(all), m.random.IntN(4))
		more = part < len(all)
		m.sent = append(m.sent, event.AppendPresenceAck(nil, []byte(id), modelRoom, all[:part], more))
		all = all[part:]
		if more && m.random.IntN(2) == 0 {
			m.change()
			m.tellBatch()
		}
	}
}

func (m *presenceModel) read() {
	if len(m.sent) > 0 {
		m.client.receive(&scratch{message: m.sent[0]})
		m.sent = m.sent[1:]
	}
	for _, loop := range m.loops {
		if m.random.IntN(3) == 0 {
			m.get(loop)
		}
	}
}

// get has a loop get what there is, and checks it.
func (m *presenceModel) get(loop *modelLoop) {
	next, ok, err := m.client.nextPresence(loop.of, loop.watcher, loop.users)
	if err != nil {
		m.t.Fatal(err)
	}
	if !ok {
		return
	}
	for _, user := range next.Join {
		if loop.copied[user] {
			m.t.Fatalf("%s joins twice", user)
		}
		loop.copied[user] = true
	}
	for _, user := range next.Leave {
		if !loop.copied[user] {
			m.t.Fatalf("%s leaves and was not there", user)
		}
		delete(loop.copied, user)
	}
}

// settle has everything arrive, and compares.
func (m *presenceModel) settle() {
	for m.carryOut() {
	}
	m.tellBatch()
	for len(m.sent) > 0 {
		m.read()
	}
	want := map[string]bool{}
	for user, isThere := range m.users {
		if isThere {
			want[user] = true
		}
	}
	for _, loop := range m.loops {
		m.get(loop)
		got := map[string]bool{}
		for user := range loop.users {
			got[user] = true
		}
		if !maps.Equal(got, want) || !maps.Equal(loop.copied, want) {
			m.t.Fatalf("a loop has the users %v, and %v by joins and leaves, want %v", got, loop.copied, want)
		}
	}
	if m.has != (m.wanted > 0) {
		m.t.Fatalf("the client is subscribed: %v, want %v", m.has, m.wanted > 0)
	}
	if isWatched := len(m.loops) > 0; m.watches != isWatched && m.wanted == 0 {
		m.t.Fatalf("the hub tells of changes: %v, want %v", m.watches, isWatched)
	}
}
