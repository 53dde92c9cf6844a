package spoke

// perMessage is what a message that waits counts beside its bytes.
const perMessage = 64

// outbox is the messages of events that wait for the socket, in order. The client's lock guards it.
//
// I1: bytes is the sum of the messages' lengths and of perMessage for each.
//
// I2: without a connection it takes no message that makes it exceed QueueEvents or QueueBytes, and with one none that makes
// it exceed SendBuffer, but for one alone.
type outbox struct {
	messages [][]byte
	bytes    int
	// taken counts the messages that it has ever taken, and written those that are on a socket.
	taken, written uint64
}

// hasRoom says whether a message of that length fits.
func (o *outbox) hasRoom(length int, connected bool, cfg *Config) bool {
	if connected {
		return len(o.messages) == 0 || o.bytes+length+perMessage <= cfg.SendBuffer
	}
	return len(o.messages) < cfg.QueueEvents && o.bytes-perMessage*len(o.messages)+length <= cfg.QueueBytes
}

func (o *outbox) push(message []byte) {
	o.messages = append(o.messages, message)
	o.bytes += len(message) + perMessage
	o.taken++
}

// sent takes the first message away: it is on the socket.
func (o *outbox) sent() {
	o.bytes -= len(o.messages[0]) + perMessage
	o.messages[0] = nil
	o.messages = o.messages[1:]
	if len(o.messages) == 0 {
		o.messages = nil
	}
	o.written++
}
