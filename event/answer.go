package event

import (
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// The types of control events. Spokes send the first four. The hub answers with the next two, and tells of gaps and of presence by itself. A type
// that begins with two underscores and is none of these is to be ignored: there may be more some day.
const (
	// TypeSubscribe adds the spoke to the topics of the payload.
	TypeSubscribe = "__subscribe"
	// TypeUnsubscribe removes the spoke from the topics of the payload.
	TypeUnsubscribe = "__unsubscribe"
	// TypeAuth tells the hub who the spoke is, by the token of the payload.
	TypeAuth = "__auth"
	// TypePresence asks who is subscribed to the topics of the payload. From the hub it tells of a change, and ParsePresence reads it.
	TypePresence = "__presence"
	// TypeAck answers a control event that is in force. ParseAck reads it.
	TypeAck = "__ack"
	// TypeReject answers a control event that is refused, or an event that the spoke may not send. ParseReject reads it.
	TypeReject = "__reject"
	// TypeGap tells of events that the spoke will not get. ParseGap reads it.
	TypeGap = "__gap"
)

// Ack is the answer that a control event is in force: that of topics, of a token, or of a question for presence.
type Ack struct {
	// ID is that of the control event.
	ID string
	// Topics are those that are in force now, or no longer. A control event of many topics may have several acks, each of some.
	Topics []string
	// User is who the spoke is, by its token; empty in other acks.
	User string
	// Expires is when that ends; zero for never, and in other acks.
	Expires time.Time
	// Positions are those of the topics that are of a stream, by topic. Nil says that none is, as far as the hub tells.
	Positions map[string]AckPosition
	// Topic is the topic of Users; empty in other acks.
	Topic string
	// Users are subscribed to Topic.
	Users []Member
	// More says that another ack of this ID has further users.
	More bool
}

// Reject is the answer that something is refused.
type Reject struct {
	// ID is that of the control event. It is empty for an event that the spoke may not send, and for a subscription that the hub
	// ends by itself.
	ID string
	// Topic is what is refused. It is empty if that is a control event as a whole. Half of a surrogate pair reads as U+FFFD.
	Topic string
	// Reason is why. There may be other reasons than those that this package has names for.
	Reason Reason
}

// ParseAck reads an ack of the hub, for clients. The error is a Fault: FaultAnswer for any other envelope. Members of the payload
// that it does not know are ignored. It doesn't keep message.
func ParseAck(message []byte) (Ack, error) {
	var payload struct {
		Topics    []string                `json:"topics"`
		User      string                  `json:"user"`
		Expires   int64                   `json:"expires"`
		Positions map[string]wirePosition `json:"positions"`
		Topic     string                  `json:"topic"`
		Users     []Member                `json:"users"`
		More      bool                    `json:"more"`
	}
	id, err := parseAnswer(message, TypeAck, &payload)
	if err != nil {
		return Ack{}, err
	}
	positions, ok := ackPositions(payload.Positions)
	about := payload.Topic != "" || payload.Users != nil || payload.More
	if !ok || about && !ValidTopic([]byte(payload.Topic)) {
		return Ack{}, FaultAnswer
	}
	ack := Ack{ID: id, Topics: payload.Topics, User: payload.User, Positions: positions, Topic: payload.Topic, Users: payload.Users, More: payload.More}
	if payload.Expires != 0 {
		ack.Expires = time.Unix(payload.Expires, 0)
	}
	return ack, nil
}

// ParseReject reads a reject of the hub, like ParseAck.
func ParseReject(message []byte) (Reject, error) {
	var payload struct {
		Topic  string `json:"topic"`
		Reason Reason `json:"reason"`
	}
	id, err := parseAnswer(message, TypeReject, &payload)
	if err != nil {
		return Reject{}, err
	}
	if payload.Reason == "" {
		return Reject{}, FaultAnswer
	}
	return Reject{ID: id, Topic: payload.Topic, Reason: payload.Reason}, nil
}

// parseAnswer reads the payload of a message of that type into what payload points to, and returns the message's id.
func parseAnswer(message []byte, typ string, payload any) (id string, err error) {
	view, spare := borrowView()
	defer spare.takeBack(view)
	if err := view.Parse(message); err != nil {
		return "", err
	}
	if string(view.Type) != typ || view.Payload[0] != '{' {
		return "", FaultAnswer
	}
	if err := json.Unmarshal(view.Payload, payload, jsontext.AllowInvalidUTF8(true)); err != nil {
		return "", FaultAnswer
	}
	return string(view.ID), nil
}
