package event

import "testing"

func FuzzEnvelope(f *testing.F) {
	for _, c := range envelopeCases {
		if len(c.message) < 4000 {
			f.Add([]byte(c.message))
		}
	}
	for _, c := range validateCases {
		f.Add(Append(nil, c.event))
	}
	for _, c := range offsetCases {
		f.Add([]byte(`{"type":"t",` + c.member + `}`))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		checkEnvelope(t, message)
	})
}

func FuzzTopics(f *testing.F) {
	for _, c := range topicsCases {
		f.Add([]byte(c.payload))
	}
	for _, c := range topicCases {
		f.Add([]byte(c.topic))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		checkTopics(t, input)
		checkTopic(t, string(input))
	})
}

func FuzzToken(f *testing.F) {
	for _, c := range tokenCases {
		f.Add([]byte(c.payload), 5)
	}
	f.Fuzz(func(t *testing.T, payload []byte, limit int) { checkToken(t, payload, limit) })
}
