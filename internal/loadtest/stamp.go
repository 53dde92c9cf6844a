package loadtest

import (
	"fmt"
	"strconv"
	"time"
)

// stamp is what a payload says: the number of the event in its topic, from 1, and when it was due, since the run began.
type stamp struct {
	number int64
	due    time.Duration
}

// payload is a JSON text of that size with the stamp.
func (s stamp) payload(size int) []byte {
	text := fmt.Appendf(make([]byte, 0, size), `"%012d %017d `, s.number, s.due)
	for len(text) < size-1 {
		text = append(text, 'x')
	}
	return append(text, '"')
}

// parseStamp reads a payload back.
func parseStamp(payload []byte) (s stamp, ok bool) {
	if len(payload) < MinSize-1 || payload[0] != '"' || payload[13] != ' ' || payload[31] != ' ' {
		return stamp{}, false
	}
	number, err := strconv.ParseInt(string(payload[1:13]), 10, 64)
	if err != nil {
		return stamp{}, false
	}
	due, err := strconv.ParseInt(string(payload[14:31]), 10, 64)
	return stamp{number, time.Duration(due)}, err == nil
}
