package fanout

// interner keeps the strings of recent types and ids, so that handing an event to user code allocates only for new names. Each
// worker has its own.
type interner struct {
	recent [1024]string
}

func (n *interner) get(view []byte) string {
	if len(view) == 0 {
		return ""
	}
	hash := uint32(2166136261)
	for _, c := range view {
		hash = (hash ^ uint32(c)) * 16777619
	}
	slot := &n.recent[(hash^hash>>15)%uint32(len(n.recent))]
	if *slot != string(view) {
		*slot = string(view)
	}
	return *slot
}
