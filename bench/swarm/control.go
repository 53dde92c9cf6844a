//go:build linux

package swarm

import (
	"time"

	"github.com/spokehub/spokehub/event"
)

// Server is where connections go to.
type Server struct {
	// Address is host and port, Path what is asked for.
	Address, Path string
	// Dialect is its protocol.
	Dialect Dialect
	// Secret signs a token for each client, which has a user of its own and permissions. Empty: the server asks for none.
	Secret string
	// Certificate is the one that it shows for localhost, in PEM. Empty: it does not speak TLS.
	Certificate string
}

// Plan asks for connections.
type Plan struct {
	// Server is where they go to.
	Server
	// Group is 0 to MaxGroups-1: latency and deliveries are counted by group.
	Group int
	// Count is how many connections in all processes together, First the number of the first of them in the group.
	Count, First int
	// FirstTopic and Topics are the topics over which they spread, one each in turn.
	FirstTopic, Topics int
	// From is the sequence number that the topics have reached.
	From uint32
	// Size is the length of the envelopes they will get, in bytes.
	Size int
	// Subscription is what they ask the server for.
	Subscription
	// Slow says how slowly they read. The zero value has them read all that comes.
	Slow Slow
}

// Subscription is what connections ask the server for; the zero value for nothing.
type Subscription struct {
	// Subscribe makes them subscribe, Ack makes them ask for an answer and wait for it.
	Subscribe, Ack bool
	// Both makes them subscribe to topic 0 besides their own, which must be another. The events of both must come in the
	// order of their stamps, as one publisher sends them (AppendEvent).
	Both bool
	// Whole makes each subscribe to the type that all topics but topic 0 have, and so get the events of all topics of the plan. From is how
	// many events these have had together then.
	Whole bool
	// Since is the position behind which they want the events of topic 0; the zero value for the live ones alone.
	Since event.Position
	// Clustered says that the server is one of several, and may tell that it lost what connects it to the others: that is no fault then.
	Clustered bool
}

// Slow says how slowly spokes read. They ping all the time, to know how long a round trip takes, and compare with it how old the events are
// that come. The server may close them.
type Slow struct {
	// Rate is how many bytes a second each of them reads; 0 for all that comes.
	Rate int
	// Buffer is the kernel's receive buffer in bytes: SO_RCVBUF.
	Buffer int
	// Interval is the time between two events of a topic.
	Interval time.Duration
}

// Publication asks for a publisher.
type Publication struct {
	// Kind is one of the Publish constants.
	Kind string
	// Group is whose topics are published to, Writers whose connections write.
	Group, Writers int
	// FirstTopic and Topics are the topics, in turn; Spokes is how many subscribers they have in all.
	FirstTopic, Topics, Spokes int
	// From is how many events were published to them before.
	From uint64
	// Size is the length of an envelope in bytes.
	Size int
	// Window is how many messages may be in flight: published and not with every subscriber (PublishWindow).
	Window int
	// Rate is events a second (PublishRate) or control events a second (PublishChurn).
	Rate float64
	// Batch is how many events go into one write (PublishFlood, PublishChurn).
	Batch int
	// Spread has the topics go over all connections of Writers in turn, each topic over one of them (PublishRate); else one connection writes all.
	Spread bool
}

const (
	// PublishWindow keeps a number of messages in flight.
	PublishWindow = "window"
	// PublishRate keeps to a schedule, whatever the server does.
	PublishRate = "rate"
	// PublishFlood writes as fast as the server reads, over all connections of the group in turn.
	PublishFlood = "flood"
	// PublishChurn subscribes and unsubscribes on a schedule, over all connections of the group in turn.
	PublishChurn = "churn"
)

// command is one line from the parent to a child.
type command struct {
	Do      string       `json:"do"`
	Plan    *Plan        `json:"plan,omitempty"`
	Publish *Publication `json:"publish,omitempty"`
	Here    bool         `json:"here,omitempty"`
	Group   int          `json:"group,omitempty"`
	Every   int          `json:"every,omitempty"`
	Sent    []uint64     `json:"sent,omitempty"`
}

const (
	doConnect = "connect"
	doPublish = "publish"
	doPause   = "pause"
	doMark    = "mark"
	doStall   = "stall"
	doResume  = "resume"
	doReport  = "report"
	doStart   = "start"
)

// reply is one line from a child to the parent: first that it has started, then the answer to each command, in order.
type reply struct {
	Do     string   `json:"do"`
	Error  string   `json:"error,omitempty"`
	Count  int      `json:"count,omitempty"`
	Nanos  int64    `json:"nanos,omitempty"`
	Sent   []uint64 `json:"sent,omitempty"`
	Groups []Report `json:"groups,omitempty"`
}
