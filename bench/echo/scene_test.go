package main

import "slices"

// Ways to cut what is sent into writes: all frames in one, each frame in one, or a number of bytes in one.
const (
	together     = 0
	frameByFrame = -1
	octetByOctet = 1
)

// scene is one case: rounds of frames, each round's answers awaited before the next, and how the connection ends.
type scene struct {
	number string
	cut    int
	rounds []round
	code   uint16
	after  []frame
}

// round is what the client sends and all that has to come back for it, in order.
type round struct {
	sent []frame
	back []frame
}

func on(number string, cut int) scene { return scene{number: number, cut: cut} }

func (s scene) send(frames ...frame) scene {
	s.rounds = append(slices.Clip(s.rounds), round{sent: frames})
	return s
}

func (s scene) get(frames ...frame) scene {
	s.rounds[len(s.rounds)-1].back = frames
	return s
}

// end says that the last frame sent makes the server close with code. What comes after that frame must change nothing,
// whether it is sent along or held until the close has arrived. A scene without end ends with a close of the client's.
func (s scene) end(code uint16, after ...frame) scene {
	s.code, s.after = code, after
	return s
}

func (s scene) echo(f frame) scene { return s.send(f).get(f) }
