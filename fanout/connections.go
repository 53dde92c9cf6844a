package fanout

import (
	"cmp"
	"container/heap"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ConnectionSort is an order of connections.
type ConnectionSort uint8

const (
	// ByQueue has first those with the most bytes in their queues.
	ByQueue ConnectionSort = iota
	// ByBytes has first those that have received and sent the most. Of those of which the kernel does not tell, it is not known, and they come last.
	ByBytes
	// ByAge has first those that have been connected for longest.
	ByAge
	// ByTopics has first those that are subscribed to the most topics.
	ByTopics
	// connectionSorts is how many there are.
	connectionSorts
)

var connectionSortNames = [connectionSorts]string{ByQueue: "queue", ByBytes: "bytes", ByAge: "age", ByTopics: "topics"}

// String is its name: queue, bytes, age or topics.
func (c ConnectionSort) String() string {
	if c < connectionSorts {
		return connectionSortNames[c]
	}
	return fmt.Sprintf("order %d", uint8(c))
}

// ParseConnectionSort reads the name of an order.
func ParseConnectionSort(name string) (ConnectionSort, error) {
	if at := slices.Index(connectionSortNames[:], name); at >= 0 {
		return ConnectionSort(at), nil
	}
	return 0, fmt.Errorf("unknown order %q: there are %s", name, strings.Join(connectionSortNames[:], ", "))
}

// ConnectionQuery asks for connections. Its zero value asks for the 100 with the longest queues.
type ConnectionQuery struct {
	ConnectionFilter
	// Sort is their order.
	Sort ConnectionSort
	// Limit is how many are wanted, 1000 at most; 0 means 100.
	Limit int
	// After is what Connections returned as next, to go on behind that place; empty to begin.
	After string
}

const (
	defaultConnections = 100
	maxConnections     = 1000
	// someTopics is how many topics a ConnectionInfo names.
	someTopics = 10
)

// Connections are the spokes that a query means, in its order, and where the next ones begin: next is empty if there are no more. A place is an amount and an
// ID, so it stays good while spokes come and go; a spoke whose amount changes from one question to the next may come twice, or not at all. With ByAge each
// that stays comes once.
//
// It asks the reactors and waits for them, and none works on it for longer than a slice of a turn, half a millisecond, before its other work comes: however many
// spokes there are, and however many topics they have. Any goroutine may call it, callbacks included, except a reactor's, on which only Config.Logger runs. An
// error says what is wrong with the query.
func (h *Hub) Connections(q ConnectionQuery) (page []ConnectionInfo, next string, err error) {
	filter, err := newConnectionFilter(q.ConnectionFilter)
	if err == nil && q.Sort >= connectionSorts {
		err = fmt.Errorf("unknown %v", q.Sort)
	}
	if err == nil && (q.Limit < 0 || q.Limit > maxConnections) {
		err = fmt.Errorf("a limit of %d: want 1 to %d", q.Limit, maxConnections)
	}
	top := topSpokes{sort: q.Sort, limit: cmp.Or(q.Limit, defaultConnections)}
	if err == nil && q.After != "" {
		top.isAfter = true
		top.after, err = parseRank(q.Sort, q.After)
	}
	if err != nil {
		return nil, "", fmt.Errorf("connections: %w", err)
	}
	h.sweep(&filter, func(l *loop, s *Spoke) bool {
		top.offer(s, l.amountOf(s, q.Sort))
		return true
	})
	slices.SortFunc(top.best, rank.compare)
	if top.isMore {
		next = top.best[len(top.best)-1].text(q.Sort)
	}
	return h.describe(top.best), next, nil
}

// amountOf is what an order goes by: more comes first.
func (l *loop) amountOf(s *Spoke, by ConnectionSort) uint64 {
	switch slot := s.conn.Slot; by {
	case ByQueue:
		return uint64(l.sender.Buffered(slot))
	case ByBytes:
		path, _ := l.reactor.Path(slot)
		return path.In + path.Out
	case ByTopics:
		return uint64(l.part.Count(slot))
	}
	return ^s.id
}

// rank is where a spoke stands in an order.
type rank struct {
	amount, id uint64
	spoke      *Spoke
}

// compare has larger amounts first, and of equal ones smaller IDs.
func (p rank) compare(other rank) int {
	return cmp.Or(cmp.Compare(other.amount, p.amount), cmp.Compare(p.id, other.id))
}

// text is the place for who asks for the next ones.
func (p rank) text(by ConnectionSort) string {
	return fmt.Sprintf("%v.%d.%d", by, p.amount, p.id)
}

var errRank = errors.New(`the place to go on behind is none of this order: pass on "next" of an answer as it is, with the same sort`)

func parseRank(by ConnectionSort, text string) (p rank, err error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 || parts[0] != by.String() {
		return rank{}, errRank
	}
	p.amount, err = strconv.ParseUint(parts[1], 10, 64)
	if err == nil {
		p.id, err = strconv.ParseUint(parts[2], 10, 64)
	}
	if err != nil {
		return rank{}, errRank
	}
	return p, nil
}

// topSpokes keeps the first spokes of an order, behind a place: a heap whose first one is the last in the order. It belongs to the goroutine that asks, which
// waits while a loop's has it.
type topSpokes struct {
	sort  ConnectionSort
	limit int
	// isAfter says that only spokes behind after count.
	isAfter bool
	after   rank
	best    rankHeap
	// isMore says that some that count are not kept.
	isMore bool
}

func (t *topSpokes) offer(s *Spoke, amount uint64) {
	p := rank{amount: amount, id: s.id, spoke: s}
	switch {
	case t.isAfter && p.compare(t.after) <= 0:
	case len(t.best) < t.limit:
		heap.Push(&t.best, p)
	case p.compare(t.best[0]) < 0:
		t.best[0], t.isMore = p, true
		heap.Fix(&t.best, 0)
	default:
		t.isMore = true
	}
}

// rankHeap is a heap of ranks, the last one of the order at its top.
type rankHeap []rank

// Len is how many there are.
func (h rankHeap) Len() int { return len(h) }

// Less has those that come last ahead.
func (h rankHeap) Less(i, j int) bool { return h[i].compare(h[j]) > 0 }

// Swap swaps two.
func (h rankHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push adds one.
func (h *rankHeap) Push(x any) { *h = append(*h, x.(rank)) }

// Pop takes the last one off.
func (h *rankHeap) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = (*h)[:last]
	return x
}
