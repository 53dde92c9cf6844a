package fanout

// isGreeted says whether OnConnection has returned for the spoke, and all that came before has been passed on. Until then its
// events wait in the inbox as they came: neither a listener nor another spoke hears of one whom OnConnection has not let in.
func (l *lane) isGreeted(s *Spoke) bool {
	if s.marks&greeting != 0 && s.quiet() {
		s.marks &^= greeting
	}
	return s.marks&greeting == 0
}

// welcome passes on what came before OnConnection returned: in its order, relayed now, and heard in its place in the inbox. What
// it leaves, for the spoke was closed meanwhile, is dropped where the inbox comes to it.
func (l *lane) welcome(s *Spoke) {
	s.marks &^= greeting
	before := s.phase
	for _, box := range [...]*inbox{s.box, s.filling} {
		if box == nil {
			continue
		}
		for i := box.pos; i < len(box.items) && s.phase == before; i++ {
			if box.items[i].kind == itemRaw && l.view.Parse(box.raw(&box.items[i])) == nil {
				l.pass(s, box, i)
			}
		}
	}
}

func (l *lane) pass(s *Spoke, box *inbox, i int) {
	if l.isHeard(s) {
		box.items[i] = box.eventOf(&l.view)
	}
	l.relayed(s)
}
