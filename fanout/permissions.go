package fanout

// maySubscribe says whether a spoke with this identity may subscribe to the topic, by its permissions and the topic rules. Any
// goroutine may call it.
func (h *Hub) maySubscribe(who *Identity, topic []byte) bool {
	return who.maySubscribe(topic) && h.shared.rules.Load().letSubscribe(topic, who.user())
}

// maySubscribe says whether the identity covers the topic. Of who nothing is known may have all. Any goroutine may call it.
func (i *Identity) maySubscribe(topic []byte) bool {
	return i == nil || i.Permissions == nil || i.Permissions.Subscribe.Match(topic, i.User)
}

// user is the name of the user, empty if nothing is known.
func (i *Identity) user() string {
	if i == nil {
		return ""
	}
	return i.User
}
