package fanout

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
)

// rosterChannel is the control channel on which hubs tell all others about presence, and inboxChannel the one on which they tell a single one.
const rosterChannel = "presence"

func inboxChannel(origin uint64) string { return fmt.Sprintf("inbox-%016x", origin) }

// rosterMessage is what hubs tell each other about presence. The header of one to all has its number as Sequence, and that of one to a single hub has a number
// and as OfType the number of the one before to the same hub: so who gets them notices when one is missing.
type rosterMessage struct {
	// Watch are topics that the hub begins to watch, to a single one topics that it watches, and Unwatch those that it does so no more. All hubs answer to
	// Watch with lists.
	Watch   []string `json:"watch,omitempty"`
	Unwatch []string `json:"unwatch,omitempty"`
	// Rooms are changes to all hubs, and lists to a single one.
	Rooms []roomMessage `json:"rooms,omitempty"`
	// List are topics of which a single hub is asked for lists.
	List []string `json:"list,omitempty"`
	// Ask has a single hub tell all topics that it watches, the first of them along with IsFirst and At, the number of its last message to all ahead of that, and then
	// Done with the same number.
	Ask     uint64 `json:"ask,omitempty"`
	IsFirst bool   `json:"first,omitempty"`
	At      uint64 `json:"at,omitempty"`
	Done    uint64 `json:"done,omitempty"`
}

// roomMessage is who is in a room by way of the hub that tells, or a part of that.
type roomMessage struct {
	Topic string          `json:"topic"`
	Users []memberMessage `json:"users,omitempty"`
	// At is, of a list, the number of the last message to all ahead of it; From how many users were in the parts before; and IsMore says that more are to come.
	At     uint64 `json:"at,omitempty"`
	From   int    `json:"from,omitempty"`
	IsMore bool   `json:"more,omitempty"`
}

// memberMessage is how many connections of a user there are in a room, by way of the hub that tells. A user without any has left.
type memberMessage struct {
	User        string `json:"user"`
	Connections int32  `json:"connections"`
}

// parseRosterMessage reads one, and refuses what no hub writes.
func parseRosterMessage(body []byte) (rosterMessage, error) {
	var m rosterMessage
	if err := json.Unmarshal(body, &m); err != nil {
		return m, fmt.Errorf("%w: presence: %w", broker.ErrGarbage, err)
	}
	for _, topics := range [][]string{m.Watch, m.Unwatch, m.List} {
		for _, topic := range topics {
			if !event.ValidTopic([]byte(topic)) {
				return m, fmt.Errorf("%w: presence of %.64q", broker.ErrGarbage, topic)
			}
		}
	}
	for _, room := range m.Rooms {
		if !event.ValidTopic([]byte(room.Topic)) || room.From < 0 {
			return m, fmt.Errorf("%w: presence of %.64q", broker.ErrGarbage, room.Topic)
		}
		for _, member := range room.Users {
			if member.User == "" || member.Connections < 0 || member.Connections > math.MaxInt32/mostNodes {
				return m, fmt.Errorf("%w: presence in %.64q of %.64q", broker.ErrGarbage, room.Topic, member.User)
			}
		}
	}
	return m, nil
}

const (
	// rosterBytes is about how long a message is at most.
	rosterBytes = 48 << 10
	// topicBytes and memberBytes are about how long a topic and a user are in it, besides their names.
	topicBytes  = len(`{"topic":"","users":[],"at":1234567890,"from":1000,"more":true},`)
	memberBytes = len(`{"user":"","connections":100},`)
)

// rosterDraft is a message that is being written, to a single hub or, with a nil peer, to all.
type rosterDraft struct {
	roster  *roster
	to      *peer
	message rosterMessage
	size    int
}

// makeRoom sends what there is if no more fits in.
func (d *rosterDraft) makeRoom(more int) {
	if d.size > 0 && d.size+more > rosterBytes {
		d.send()
	}
	d.size += more
}

func (d *rosterDraft) watch(topic string) {
	d.makeRoom(len(topic) + topicBytes)
	d.message.Watch = append(d.message.Watch, topic)
}

func (d *rosterDraft) unwatch(topic string) {
	d.makeRoom(len(topic) + topicBytes)
	d.message.Unwatch = append(d.message.Unwatch, topic)
}

func (d *rosterDraft) list(topic string) {
	d.makeRoom(len(topic) + topicBytes)
	d.message.List = append(d.message.List, topic)
}

// room adds users of a room, in as many parts as they need; only the last one says, of a list, that no more are to come.
func (d *rosterDraft) room(topic string, at uint64, users []memberMessage, isList bool) {
	from := 0
	for {
		d.makeRoom(len(topic) + topicBytes)
		to := from
		for to < len(users) && (to == from || d.size < rosterBytes) {
			d.size += len(users[to].User) + memberBytes
			to++
		}
		part := roomMessage{Topic: topic, Users: users[from:to:to]}
		if isList {
			part.At, part.From, part.IsMore = at, from, to < len(users)
		}
		d.message.Rooms = append(d.message.Rooms, part)
		if from = to; from == len(users) {
			return
		}
		d.send()
	}
}

// send sends what there is.
func (d *rosterDraft) send() {
	m := d.message
	d.message, d.size = rosterMessage{}, 0
	body, _ := json.Marshal(&m)
	d.roster.tell(d.to, body)
}

// isEmpty says that there is nothing to send.
func (d *rosterDraft) isEmpty() bool { return d.size == 0 }
