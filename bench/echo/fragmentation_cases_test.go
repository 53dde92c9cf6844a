package main

import "fmt"

// fragmentationCases are section 5: messages in fragments with control frames between them, and fragments of nothing.
func fragmentationCases() []scene {
	const one, two, both = "fragment1", "fragment2", "fragment1fragment2"
	cases := []scene{
		on("5.1", together).send(begin(pinging, one)).end(1002, last(two)),
		on("5.2", together).send(begin(ponging, one)).end(1002, last(two)),
	}
	for i, cut := range []int{together, frameByFrame, octetByOctet} {
		at := func(first int) scene { return on(fmt.Sprintf("5.%d", first+i), cut) }
		cases = append(cases,
			at(3).send(begin(textual, one), last(two)).get(text(both)),
			at(6).send(begin(textual, one), ping("between"), last(two)).get(pong("between"), text(both)),
			at(9).send(last("of nothing")).end(1002, text(hello)),
			at(12).send(more("of nothing")).end(1002, text(hello)))
	}
	cases = append(cases,
		on("5.15", together).send(begin(textual, one), last(two), more("fragment3")).get(text(both)).end(1002, text("fragment4")),
		on("5.16", together).send(more(one)).end(1002, begin(textual, two), last("fragment3"), more(one), begin(textual, two), last("fragment3")),
		on("5.17", together).send(last(one)).end(1002, begin(textual, two), last("fragment3"), last(one), begin(textual, two), last("fragment3")),
		on("5.18", together).send(begin(textual, one), text(two)).end(1002))
	for i, cut := range []int{together, frameByFrame} {
		cases = append(cases, on(fmt.Sprintf("5.%d", 19+i), cut).
			send(begin(textual, one), more(two), ping("first")).get(pong("first")).
			send(more("fragment3"), more("fragment4"), ping("second"), last("fragment5")).
			get(pong("second"), text(both+"fragment3fragment4fragment5")))
	}
	return cases
}
