package redis

import "time"

// tellInterval is how long others are spared what is much the same as what they were told last: each server that is away has its own reason, and each attempt to
// connect its own port in it.
const tellInterval = 5 * time.Second

// notice is what was told last of one matter. The zero value is of a matter that nothing was told of.
type notice struct {
	text string
	at   time.Time
}

// isNews says whether a text is to be told, and takes it for told then: it is another one, and the last one is a while ago.
func (n *notice) isNews(text string) bool {
	if n.text == text || n.text != "" && time.Since(n.at) < tellInterval {
		return false
	}
	n.text, n.at = text, time.Now()
	return true
}

// spill is what the queue of a link has dropped that the log does not have yet, and when the log was written to last.
type spill struct {
	messages int
	logged   time.Time
}

// add counts messages. It returns how many to write to the log: all since it was written to last, or 0 if that was just now.
func (s *spill) add(messages int) int {
	s.messages += messages
	if time.Since(s.logged) < tellInterval {
		return 0
	}
	messages, s.messages, s.logged = s.messages, 0, time.Now()
	return messages
}
