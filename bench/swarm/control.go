//go:build linux

package swarm

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
	// Subscribe makes them subscribe, Ack makes them ask for an answer and wait for it.
	Subscribe, Ack bool
	// Both makes them subscribe to topic 0 besides their own, which must be another. The events of both must come in the
	// order of their stamps, as one publisher sends them (AppendEvent).
	Both bool
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
