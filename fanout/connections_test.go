package fanout_test

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/stream"
)

// joinUser connects a client of a user.
func (h *testHub) joinUser(user string) (*client, *fanout.Spoke) {
	h.t.Helper()
	here, there := pair(h.t, "tcp")
	spoke, err := h.hub.AddConnection(there, fanout.AddOptions{Identity: fanout.Identity{User: user}, Subprotocol: "chat"})
	if err != nil {
		h.t.Fatalf("add connection: %v", err)
	}
	return newClient(h.t, here), spoke
}

// connections are the IDs of a whole answer.
func (h *testHub) connections(q fanout.ConnectionQuery) (ids []uint64) {
	h.t.Helper()
	page, next, err := h.hub.Connections(q)
	if err != nil || next != "" {
		h.t.Fatalf("got next %q and %v, want one page", next, err)
	}
	for _, info := range page {
		ids = append(ids, info.ID)
	}
	return ids
}

func TestConnectionsTellsWhatIsKnown(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine})
		before := time.Now()
		c, spoke := h.joinUser("ada")
		var topics []string
		for i := range 30 {
			topics = append(topics, fmt.Sprint("topic", i))
		}
		c.subscribe(topics...)
		page, next, err := h.hub.Connections(fanout.ConnectionQuery{})
		if err != nil || next != "" || len(page) != 1 {
			t.Fatalf("got %v, next %q and %v, want one connection", page, next, err)
		}
		info := page[0]
		expect(t, "id", info.ID, spoke.ID())
		expect(t, "address", info.Address, c.conn.LocalAddr().String())
		expect(t, "user", info.User, "ada")
		expect(t, "subprotocol", info.Subprotocol, "chat")
		expect(t, "topics", info.Topics, 30)
		expect(t, "unidentified", info.IsUnidentified, false)
		if info.Since.Before(before.Add(-2*time.Second)) || info.Since.After(time.Now()) {
			t.Errorf("got it connected since %v, want about %v", info.Since, before)
		}
		if len(info.SomeTopics) != 10 {
			t.Errorf("got the topics %v named, want ten of them", info.SomeTopics)
		}
		for _, topic := range info.SomeTopics {
			expect(t, topic+" is one of its topics", slices.Contains(topics, topic), true)
		}
		if engine.HasDescriptors() && (info.Traffic == nil || info.Traffic.BytesIn < 200 || info.Traffic.BytesOut == 0) {
			t.Errorf("got the traffic %+v, want what the kernel has counted", info.Traffic)
		}
		expect(t, "queue", info.Queue, fanout.ConnectionQueue{})
		expect(t, "found by its id", h.hub.Spoke(spoke.ID()), spoke)
		expect(t, "none of an unknown id", h.hub.Spoke(spoke.ID()+1), nil)
		expect(t, "none of id 0", h.hub.Spoke(0), nil)
	})
}

func TestConnectionsAreSortedAndFiltered(t *testing.T) {
	h := newTestHub(t, fanout.Config{SendBuffer: 16 << 10, MaxTopics: 2000})
	first, a := h.joinUser("ada")
	second, b := h.joinUser("ada")
	third, c := h.joinUser("grace")
	first.subscribe("one", "shared")
	second.subscribe("one", "two", "three", "filler")
	third.subscribe("two", "shared")
	fill(t, second, b, 32<<10)
	A, B, C := a.ID(), b.ID(), c.ID()
	third.unsubscribe("two")
	for name, x := range map[string]struct {
		q    fanout.ConnectionQuery
		want []uint64
	}{
		"by queue":                {fanout.ConnectionQuery{}, []uint64{B, A, C}},
		"by topics":               {fanout.ConnectionQuery{Sort: fanout.ByTopics}, []uint64{B, A, C}},
		"by age":                  {fanout.ConnectionQuery{Sort: fanout.ByAge}, []uint64{A, B, C}},
		"of a user":               {fanout.ConnectionQuery{Sort: fanout.ByAge, ConnectionFilter: fanout.ConnectionFilter{User: "ada"}}, []uint64{A, B}},
		"of a topic":              {fanout.ConnectionQuery{Sort: fanout.ByAge, ConnectionFilter: fanout.ConnectionFilter{Topic: "shared"}}, []uint64{A, C}},
		"of both":                 {fanout.ConnectionQuery{ConnectionFilter: fanout.ConnectionFilter{User: "ada", Topic: "shared"}}, []uint64{A}},
		"of an id":                {fanout.ConnectionQuery{ConnectionFilter: fanout.ConnectionFilter{ID: C}}, []uint64{C}},
		"of nobody":               {fanout.ConnectionQuery{ConnectionFilter: fanout.ConnectionFilter{User: "eve"}}, nil},
		"of an address":           {fanout.ConnectionQuery{Sort: fanout.ByAge, ConnectionFilter: fanout.ConnectionFilter{Address: "127.0.0.1"}}, []uint64{A, B, C}},
		"of an address in IPv6":   {fanout.ConnectionQuery{Sort: fanout.ByAge, ConnectionFilter: fanout.ConnectionFilter{Address: "::ffff:127.0.0.1"}}, []uint64{A, B, C}},
		"of a network":            {fanout.ConnectionQuery{Sort: fanout.ByAge, ConnectionFilter: fanout.ConnectionFilter{Address: "127.0.0.0/8"}}, []uint64{A, B, C}},
		"of a network in IPv6":    {fanout.ConnectionQuery{Sort: fanout.ByAge, ConnectionFilter: fanout.ConnectionFilter{Address: "::ffff:127.0.0.0/104"}}, []uint64{A, B, C}},
		"of another network":      {fanout.ConnectionQuery{ConnectionFilter: fanout.ConnectionFilter{Address: "128.0.0.0/8"}}, nil},
		"of a beginning":          {fanout.ConnectionQuery{Sort: fanout.ByAge, ConnectionFilter: fanout.ConnectionFilter{Address: "127.0."}}, []uint64{A, B, C}},
		"of another beginning":    {fanout.ConnectionQuery{ConnectionFilter: fanout.ConnectionFilter{Address: "127.1."}}, nil},
		"of a topic of nobody":    {fanout.ConnectionQuery{ConnectionFilter: fanout.ConnectionFilter{Topic: "nobody:1"}}, nil},
		"of an id not of a topic": {fanout.ConnectionQuery{ConnectionFilter: fanout.ConnectionFilter{ID: C, Topic: "one"}}, nil},
	} {
		if got := h.connections(x.q); !slices.Equal(got, x.want) {
			t.Errorf("%s: got %v, want %v", name, got, x.want)
		}
	}
	page, _, err := h.hub.Connections(fanout.ConnectionQuery{Limit: 1})
	if err != nil || len(page) != 1 || page[0].ID != B || page[0].Queue.Bytes == 0 || page[0].Queue.Frames == 0 {
		t.Errorf("got %+v and %v, want the one with the longest queue", page, err)
	}
	if kernelTells := page[0].Traffic != nil; kernelTells {
		if got := h.connections(fanout.ConnectionQuery{Sort: fanout.ByBytes}); len(got) != 3 || got[2] != A {
			t.Errorf("by bytes: got %v, want %d last, which has received and sent least", got, A)
		}
	}
}

func TestConnectionsMistakesAreTold(t *testing.T) {
	h := newTestHub(t, fanout.Config{})
	h.join()
	for name, x := range map[string]struct {
		q    fanout.ConnectionQuery
		want string
	}{
		"an order":                        {fanout.ConnectionQuery{Sort: 9}, "order 9"},
		"a negative limit":                {fanout.ConnectionQuery{Limit: -1}, "1 to 1000"},
		"a high limit":                    {fanout.ConnectionQuery{Limit: 1001}, "1 to 1000"},
		"a place of nothing":              {fanout.ConnectionQuery{After: "x"}, "pass on"},
		"a place of another order":        {fanout.ConnectionQuery{After: "age.1.1"}, "same sort"},
		"a place without numbers":         {fanout.ConnectionQuery{After: "queue.a.b"}, "pass on"},
		"a topic":                         {fanout.ConnectionQuery{ConnectionFilter: fanout.ConnectionFilter{Topic: "a\nb"}}, "topic"},
		"an address":                      {fanout.ConnectionQuery{ConnectionFilter: fanout.ConnectionFilter{Address: "localhost"}}, "localhost"},
		"an address that is not finished": {fanout.ConnectionQuery{ConnectionFilter: fanout.ConnectionFilter{Address: "10.1"}}, "dot or a colon"},
	} {
		if _, _, err := h.hub.Connections(x.q); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, x.want)
		}
		if _, err := h.hub.Disconnect(x.q.ConnectionFilter, 1000, ""); err == nil {
			t.Errorf("%s: got nobody's disconnect accepted, want an error", name)
		}
	}
	if _, err := h.hub.Disconnect(fanout.ConnectionFilter{}, 1000, ""); !errors.Is(err, fanout.ErrNoFilter) {
		t.Errorf("got %v for an empty filter, want ErrNoFilter", err)
	}
	expect(t, "connections left", len(h.connections(fanout.ConnectionQuery{})), 1)
}

func TestConnectionsPagesGoOnWhileSpokesComeAndGo(t *testing.T) {
	h := newTestHub(t, fanout.Config{})
	var clients []*client
	want := make(map[uint64]bool)
	for i := range 40 {
		c, s := h.join()
		clients = append(clients, c)
		want[s.ID()] = i%4 != 0
	}
	seen := make(map[uint64]int)
	after := ""
	for pages := 0; ; pages++ {
		page, next, err := h.hub.Connections(fanout.ConnectionQuery{Sort: fanout.ByAge, Limit: 7, After: after})
		if err != nil {
			t.Fatal(err)
		}
		for _, info := range page {
			seen[info.ID]++
		}
		for i := pages * 8; i < min(pages*8+8, 40); i += 4 {
			clients[i].conn.Close()
			receive(t, h.gone, "OnDisconnection")
		}
		h.join()
		if after = next; next == "" {
			break
		}
	}
	for id, stays := range want {
		if seen[id] > 1 || stays && seen[id] != 1 {
			t.Errorf("spoke %d: got it %d times, want once if it stays, and never twice", id, seen[id])
		}
	}
	sorted := h.connections(fanout.ConnectionQuery{Sort: fanout.ByAge, Limit: 1000})
	if !slices.IsSorted(sorted) {
		t.Errorf("got %v, want the oldest first", sorted)
	}
}

func TestDisconnectClosesWhoIsMeant(t *testing.T) {
	h := newTestHub(t, fanout.Config{})
	first, _ := h.joinUser("ada")
	second, _ := h.joinUser("ada")
	other, keep := h.joinUser("grace")
	first.subscribe("one")
	second.subscribe("two")
	other.subscribe("one")
	closed, err := h.hub.Disconnect(fanout.ConnectionFilter{User: "ada", Topic: "one"}, fanout.CodePolicy, "bye")
	if err != nil || closed != 1 {
		t.Fatalf("got %d closed and %v, want 1", closed, err)
	}
	_, reason := first.closedWith(fanout.CodePolicy)
	expect(t, "reason", reason, "bye")
	closed, err = h.hub.Disconnect(fanout.ConnectionFilter{User: "ada"}, 99, "")
	if err == nil || closed != 0 {
		t.Fatalf("got %d closed with the code 99 and %v, want an error", closed, err)
	}
	closed, err = h.hub.Disconnect(fanout.ConnectionFilter{User: "ada"}, fanout.CodeInternal, "")
	if err != nil || closed != 1 {
		t.Fatalf("got %d closed and %v, want 1", closed, err)
	}
	second.closedWith(fanout.CodeInternal)
	expectAll(t, "connections left", h.connections(fanout.ConnectionQuery{}), []uint64{keep.ID()})
	other.sync()
}

func TestConnectionsTellOfSlownessUntilTheEnd(t *testing.T) {
	h := newTestHub(t, fanout.Config{QueueLimit: smallQueue, SendBuffer: 16 << 10})
	c, spoke := h.join()
	c.subscribe("filler")
	stall(t, spoke)
	info := func() fanout.ConnectionInfo {
		page, _, err := h.hub.Connections(fanout.ConnectionQuery{ConnectionFilter: fanout.ConnectionFilter{ID: spoke.ID()}})
		if err != nil || len(page) != 1 {
			t.Fatalf("got %v and %v, want the spoke", page, err)
		}
		return page[0]
	}
	for info().Slow == nil && spoke.BufferedAmount() < smallQueue*3/4 {
		h.hub.DispatchEvent(filler)
	}
	until(t, "the record is there", func() bool { return info().Slow != nil })
	w := info().Slow
	if w.IsClosed || w.Queued <= smallQueue/2 || w.Limit != smallQueue {
		t.Errorf("got %+v, want a queue over half of %d", w, smallQueue)
	}
	c.conn.Close()
	receive(t, h.gone, "OnDisconnection")
	expect(t, "closed for it", len(h.hub.ClosedSlow()), 0)
}

func TestConnectionsTellWhoLags(t *testing.T) {
	policies := []stream.Policy{{Match: "filler", History: stream.History{Events: 10000}, Behind: stream.CatchUp}}
	h := newTestHub(t, fanout.Config{QueueLimit: smallQueue, SendBuffer: 16 << 10, Policies: policies})
	c, _ := h.join()
	c.text(envelope("__subscribe", controlID, `{"topics":["filler"]}`))
	c.message()
	until(t, "the spoke lags", func() bool {
		h.hub.DispatchEvent(filler)
		return h.hub.Stats().Lagging == 1
	})
	page, _, err := h.hub.Connections(fanout.ConnectionQuery{})
	if err != nil || len(page) != 1 || !slices.Equal(page[0].Lagging, []string{"filler"}) {
		t.Errorf("got %+v and %v, want the type in which it is behind", page, err)
	}
	c.conn.Close()
	receive(t, h.gone, "OnDisconnection")
}

func TestConnectionsOverPipesHaveNoTraffic(t *testing.T) {
	h := newTestHub(t, fanout.Config{})
	here, there := net.Pipe()
	if _, err := h.hub.AddConnection(there); err != nil {
		t.Fatal(err)
	}
	newClient(t, here).subscribe("t")
	page, _, err := h.hub.Connections(fanout.ConnectionQuery{Sort: fanout.ByBytes})
	if err != nil || len(page) != 1 || page[0].Traffic != nil || page[0].Address != "pipe" {
		t.Errorf("got %+v and %v, want a connection of which the kernel tells nothing", page, err)
	}
	expect(t, "by address", len(h.connections(fanout.ConnectionQuery{ConnectionFilter: fanout.ConnectionFilter{Address: "0.0.0.0/0"}})), 0)
}
