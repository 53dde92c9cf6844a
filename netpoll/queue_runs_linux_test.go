package netpoll

// partsOf are the frames that f is: several for a run.
func partsOf(f *Frame) (parts []modelFrame) {
	if f.ends == nil {
		return []modelFrame{{bytes: f.bytes, counted: f.count > 0}}
	}
	begin := 0
	for _, end := range f.ends {
		parts = append(parts, modelFrame{bytes: f.bytes[begin:end.offset()], counted: end.counted() > 0})
		begin = end.offset()
	}
	return parts
}

// joined makes a run of up to four frames, one of them uncounted.
func (m *queueModel) joined(class byte, counted bool) *Frame {
	var parts []*Frame
	for i := range 1 + class%4 {
		parts = append(parts, m.frame(class/4+i, counted && i != 1))
	}
	run := new(Frame)
	run.Join(parts, nil, nil)
	m.frames = append(m.frames, run)
	return run
}
