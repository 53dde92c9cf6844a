package event

import "strconv"

// Member is a user who is subscribed to a topic.
type Member struct {
	// User is the name of the user.
	User string `json:"user"`
	// Connections is how many of the user's connections are subscribed.
	Connections int `json:"connections"`
}

// PresenceChange says who is new among the users who are subscribed to a topic, and who no longer is one of them.
type PresenceChange struct {
	// Topic is the topic.
	Topic string
	// Join are the users whose first connection has subscribed.
	Join []string
	// Leave are the users whose last connection no longer is subscribed.
	Leave []string
}

// AppendPresenceAck appends to dst the answer to the __presence id that the users are subscribed to topic, a valid one. more says that
// another answer to the same id has further users.
func AppendPresenceAck(dst, id []byte, topic string, users []Member, more bool) []byte {
	dst = append(dst, `{"type":"`+TypeAck+`","id":`...)
	dst = appendText(dst, id)
	dst = append(dst, `,"payload":{"topic":`...)
	dst = appendText(dst, topic)
	dst = append(dst, `,"users":[`...)
	for i, m := range users {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"user":`...)
		dst = appendText(dst, m.User)
		dst = append(dst, `,"connections":`...)
		dst = append(strconv.AppendInt(dst, int64(m.Connections), 10), '}')
	}
	dst = append(dst, ']')
	if more {
		dst = append(dst, `,"more":true`...)
	}
	return append(dst, `}}`...)
}

// AppendPresence appends to dst the __presence that tells of users who join topic, a valid one, and of users who leave it. An empty list
// is left out.
func AppendPresence(dst []byte, topic string, join, leave []string) []byte {
	dst = append(dst, `{"type":"`+TypePresence+`","id":"","payload":{"topic":`...)
	dst = appendText(dst, topic)
	dst = appendUsers(dst, `,"join":[`, join)
	dst = appendUsers(dst, `,"leave":[`, leave)
	return append(dst, `}}`...)
}

// appendUsers appends begin and the users behind it, nothing if there are none.
func appendUsers(dst []byte, begin string, users []string) []byte {
	if len(users) == 0 {
		return dst
	}
	dst = append(dst, begin...)
	for i, user := range users {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendText(dst, user)
	}
	return append(dst, ']')
}

// ParsePresence reads a __presence of the hub, like ParseAck.
func ParsePresence(message []byte) (PresenceChange, error) {
	var payload struct {
		Topic string   `json:"topic"`
		Join  []string `json:"join"`
		Leave []string `json:"leave"`
	}
	if _, err := parseAnswer(message, TypePresence, &payload); err != nil {
		return PresenceChange{}, err
	}
	if !ValidTopic([]byte(payload.Topic)) {
		return PresenceChange{}, FaultAnswer
	}
	return PresenceChange{Topic: payload.Topic, Join: payload.Join, Leave: payload.Leave}, nil
}
