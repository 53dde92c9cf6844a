package fanout

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"

	"github.com/spokehub/spokehub/wsframe"
)

const (
	// mostTopicLoads is how many topics are told, mostKnownLoads how many are told apart.
	mostTopicLoads = 5
	mostKnownLoads = 256
	// longestName is how long a type may be, or an id, with every byte of it escaped.
	longestName = 6 * 256
)

// topicLoads adds frames up by topic. Its zero value is ready.
type topicLoads struct {
	byName map[string]*TopicLoad
	// name is scratch.
	name []byte
}

// add counts a frame for its topic. Where frames have very many topics, it counts those of the first ones only.
func (q *topicLoads) add(view []byte) {
	typ, id := namesIn(view)
	if typ == nil {
		return
	}
	q.name = append(q.name[:0], typ...)
	if len(id) > 0 {
		q.name = append(append(q.name, ':'), id...)
	}
	load := q.byName[string(q.name)]
	if load == nil {
		if len(q.byName) == mostKnownLoads {
			return
		}
		if q.byName == nil {
			q.byName = make(map[string]*TopicLoad)
		}
		load = &TopicLoad{Topic: string(q.name)}
		q.byName[load.Topic] = load
	}
	load.Frames++
	load.Bytes += len(view)
}

// take returns the topics with the most bytes and forgets all.
func (q *topicLoads) take() []TopicLoad {
	loads := make([]TopicLoad, 0, len(q.byName))
	for _, load := range q.byName {
		loads = append(loads, *load)
	}
	q.byName = nil
	slices.SortFunc(loads, func(a, b TopicLoad) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Topic, b.Topic))
	})
	loads = slices.Clone(loads[:min(len(loads), mostTopicLoads)])
	for i := range loads {
		loads[i].Topic = unescaped(loads[i].Topic)
	}
	return loads
}

// namesIn are the type and the id in a data frame of the hub, as they stand there, which is with escapes. They are found in the canonical form alone, in
// which the hub writes all envelopes, so that a long payload is not read. typ is nil for any other frame.
func namesIn(view []byte) (typ, id []byte) {
	if len(view) < 2 || wsframe.Opcode(view[0]&0x0F).IsControl() {
		return nil, nil
	}
	rest, found := bytes.CutPrefix(view[min(headerLen(view[1]), len(view)):], []byte(`{"type":"`))
	end := textLen(rest)
	if !found || end < 0 {
		return nil, nil
	}
	typ, rest = rest[:end], rest[end+1:]
	if rest, found = bytes.CutPrefix(rest, []byte(`,"id":"`)); !found {
		return typ, nil
	}
	return typ, rest[:max(textLen(rest), 0)]
}

// headerLen is the length of the header of a server's frame, from its second byte.
func headerLen(second byte) int {
	switch second {
	case 126:
		return 4
	case 127:
		return wsframe.MaxHeader
	}
	return 2
}

// textLen is how many bytes come ahead of the quote that ends a JSON string, or -1 if that is far away.
func textLen(text []byte) int {
	text = text[:min(len(text), longestName)]
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

// unescaped is the text of a JSON string between its quotes.
func unescaped(raw string) string {
	var text string
	if json.Unmarshal([]byte(`"`+raw+`"`), &text) != nil {
		return raw
	}
	return text
}
