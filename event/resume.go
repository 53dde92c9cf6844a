package event

import "strconv"

// Result says how a subscription to a topic of a stream goes on from where the spoke has been.
type Result string

const (
	// Resumed says that all that the spoke has missed follows.
	Resumed Result = "resumed"
	// Gapped says that some of what it has missed is gone, and that what is left follows.
	Gapped Result = "gap"
	// Fresh says that nothing follows but events that are new: the spoke has told no position, or one that is not of this stream, or it
	// has been subscribed already.
	Fresh Result = "fresh"
)

// AckPosition is what an ack tells of a topic of a stream.
type AckPosition struct {
	// Position is the end of the stream at the subscription. What was missed is up to it, and new events are behind it.
	Position Position
	// Result says what follows. There may be other results than those that this package has names for.
	Result Result
	// Missed is how many events of the topic are gone, at most for a topic with an id; -1 where nobody can know.
	Missed int64
}

// AppendAckPosition adds to members, which AppendAckPositions puts into an ack, what there is to tell of a topic of a stream. A missed
// of less than 0 says that nobody can know. An ack has one of a topic at most.
func AppendAckPosition(members []byte, topic []byte, p Position, result Result, missed int64) []byte {
	if len(members) > 0 {
		members = append(members, ',')
	}
	members = appendText(members, topic)
	members = append(members, `:{"epoch":`...)
	members = appendText(members, p.Epoch)
	members = append(members, `,"offset":`...)
	members = strconv.AppendUint(members, p.Offset, 10)
	members = append(members, `,"result":`...)
	members = appendText(members, result)
	return append(appendMissed(members, missed), '}')
}

// AppendAckPositions ends the ack at the end of ack, which AppendAck or AppendAckTopics has made, with the positions of those of its
// topics that are of a stream: the members that AppendAckPosition has made. Without members the ack stays as it is. AppendAckTopics
// can't add to it afterwards.
func AppendAckPositions(ack, members []byte) []byte {
	if len(members) == 0 {
		return ack
	}
	ack = append(ack[:len(ack)-len(`}}`)], `,"positions":{`...)
	ack = append(ack, members...)
	return append(ack, `}}}`...)
}

// appendMissed adds the member missed, null if it is less than 0, to an object that has members.
func appendMissed(dst []byte, missed int64) []byte {
	dst = append(dst, `,"missed":`...)
	if missed < 0 {
		return append(dst, null...)
	}
	return strconv.AppendInt(dst, missed, 10)
}

// wirePosition is a member of the member positions of an ack. Pointers tell what is missing.
type wirePosition struct {
	Epoch  string  `json:"epoch"`
	Offset *uint64 `json:"offset"`
	Result Result  `json:"result"`
	Missed *int64  `json:"missed"`
}

// ackPositions returns the positions of an ack, and false if one of them is none.
func ackPositions(wire map[string]wirePosition) (positions map[string]AckPosition, ok bool) {
	if len(wire) == 0 {
		return nil, true
	}
	positions = make(map[string]AckPosition, len(wire))
	for topic, w := range wire {
		missed, ok := missedOf(w.Missed)
		if !ok || !isEpoch(w.Epoch) || w.Offset == nil || *w.Offset > MaxOffset || w.Result == "" {
			return nil, false
		}
		positions[topic] = AckPosition{Position: Position{Epoch: w.Epoch, Offset: *w.Offset}, Result: w.Result, Missed: missed}
	}
	return positions, true
}

// missedOf returns how many events are gone, -1 for null and for none told, and false for less than 0.
func missedOf(wire *int64) (missed int64, ok bool) {
	if wire == nil {
		return -1, true
	}
	return *wire, *wire >= 0
}
