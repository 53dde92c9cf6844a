package event

import "strconv"

// Gap says that there are events that a spoke will not get. It comes in their place in the order.
type Gap struct {
	// Topic is that of the subscription, or the type. A gap of a type is one of all topics of that type.
	Topic string
	// Epoch is that of the stream. It is empty for a type without a stream, which has no From and To either.
	Epoch string
	// From is the offset of the first event that is gone.
	From uint64
	// To is the offset of the last event that is gone. It is 0, with From 1 and a Missed of -1, where a stream has another epoch from here
	// on and nothing of that is gone: what is gone is of the epoch before.
	To uint64
	// Missed is how many events of the topic are gone, at most for a topic with an id; -1 where nobody can know.
	Missed int64
	// Reason is why. There may be other reasons than those that this package has names for.
	Reason GapReason
}

// GapReason is why there is a gap.
type GapReason string

const (
	// GapSlow says that the spoke did not keep up.
	GapSlow GapReason = "slow"
	// GapTrimmed says that the stream did not keep the events until the spoke was there for them.
	GapTrimmed GapReason = "trimmed"
	// GapBroker says that the hub was cut off from other hubs, or that their broker has lost events.
	GapBroker GapReason = "broker"
)

// AppendGap appends the __gap to dst. The topic is a valid one, and so is the epoch or empty. A Missed of less than 0 says that nobody
// can know.
func AppendGap(dst []byte, g Gap) []byte {
	dst = append(dst, `{"type":"`+TypeGap+`","id":"","payload":{"topic":`...)
	dst = appendText(dst, g.Topic)
	if g.Epoch != "" {
		dst = append(dst, `,"epoch":`...)
		dst = appendText(dst, g.Epoch)
		dst = strconv.AppendUint(append(dst, `,"from":`...), g.From, 10)
		dst = strconv.AppendUint(append(dst, `,"to":`...), g.To, 10)
	}
	dst = appendMissed(dst, g.Missed)
	dst = append(dst, `,"reason":`...)
	dst = appendText(dst, g.Reason)
	return append(dst, `}}`...)
}

// isBegin says that the gap tells of another epoch, of which nothing is gone.
func (g *Gap) isBegin() bool { return g.From == 1 && g.To == 0 && g.Missed < 0 }

// ParseGap reads a __gap of the hub, like ParseAck.
func ParseGap(message []byte) (Gap, error) {
	var payload struct {
		Topic  string    `json:"topic"`
		Epoch  *string   `json:"epoch"`
		From   uint64    `json:"from"`
		To     uint64    `json:"to"`
		Missed *int64    `json:"missed"`
		Reason GapReason `json:"reason"`
	}
	if _, err := parseAnswer(message, TypeGap, &payload); err != nil {
		return Gap{}, err
	}
	missed, ok := missedOf(payload.Missed)
	if !ok || !ValidTopic([]byte(payload.Topic)) || payload.Reason == "" {
		return Gap{}, FaultAnswer
	}
	g := Gap{Topic: payload.Topic, Missed: missed, Reason: payload.Reason}
	if payload.Epoch != nil {
		g.Epoch, g.From, g.To = *payload.Epoch, payload.From, payload.To
		if !isEpoch(g.Epoch) || g.From == 0 || g.From > g.To && !g.isBegin() || g.To > MaxOffset {
			return Gap{}, FaultAnswer
		}
	}
	return g, nil
}
