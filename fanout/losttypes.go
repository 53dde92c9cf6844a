package fanout

import (
	"encoding/json"

	"github.com/spokehub/spokehub/broker"
)

const (
	// lostChannel is the control channel on which hubs tell of which types they have lost events on the way to others.
	lostChannel = "lost"
	// manyLostTypes is of how many types that is told one by one.
	manyLostTypes = 256
)

// lostTypes are types without a stream of which events have not gone to other hubs. Whoever gets the next event of one notices by itself, but
// not if it has had none of this hub before, and not before there is one: so others are told. It belongs to the outbox.
type lostTypes struct {
	types map[string]bool
	all   bool
}

// lostMessage is what hubs tell.
type lostMessage struct {
	// All says that it is about any type, or else Types says which.
	All   bool     `json:"all,omitempty"`
	Types []string `json:"types,omitempty"`
}

func (l *lostTypes) add(typ string) {
	switch {
	case l.all || l.types[typ]:
	case len(l.types) >= manyLostTypes:
		l.all = true
	default:
		if l.types == nil {
			l.types = make(map[string]bool)
		}
		l.types[typ] = true
	}
}

func (l *lostTypes) merge(other *lostTypes) {
	l.all = l.all || other.all
	for typ := range other.types {
		l.add(typ)
	}
}

// message is what others are told, and empties the list.
func (l *lostTypes) message() []byte {
	m := lostMessage{All: l.all}
	if !l.all {
		for typ := range l.types {
			m.Types = append(m.Types, typ)
		}
	}
	*l = lostTypes{}
	body, _ := json.Marshal(m)
	return body
}

// tellLostLocked puts in what has been lost, once the broker is there to be told.
func (o *outbox) tellLostLocked() {
	if !o.lost.all && len(o.lost.types) == 0 || !o.cluster.link.isUp.Load() {
		return
	}
	o.handed.add(&o.lost)
	o.tellLocked(lostChannel, broker.Header{}, o.lost.message())
	o.filling.tellsLost = true
}

// takeLost tells the spokes of what another hub has lost.
func (c *cluster) takeLost(body []byte) {
	var m lostMessage
	if json.Unmarshal(body, &m) != nil {
		c.refuse(broker.ErrGarbage)
		return
	}
	c.noteLoss()
	if m.All {
		c.losses.addAll()
		return
	}
	for _, typ := range m.Types {
		c.losses.add([]byte(typ))
	}
}
