package event

// MarshalJSON returns the envelope of the event, as Append writes it, for encoding/json and libraries like it. The payload is
// JSON within JSON, and one that is nil or empty is null. The error is that of Validate. Libraries rewrite what it returns:
// encoding/json drops the white space inside the payload and escapes <, > and & in it, which changes bytes and no values, and
// stricter ones refuse half of a surrogate pair. Who needs the payload's very bytes calls Append.
func (e Event) MarshalJSON() ([]byte, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	return Append(nil, e), nil
}

// UnmarshalJSON sets e to the event in an envelope. The rules are those of Parse, which also says what the error is; after one, e
// is as it was. null is no envelope and so an error, except where a pointer to an Event takes it. The event owns its bytes.
func (e *Event) UnmarshalJSON(envelope []byte) error {
	parsed, err := Parse(envelope)
	if err != nil {
		return err
	}
	*e = parsed
	return nil
}
