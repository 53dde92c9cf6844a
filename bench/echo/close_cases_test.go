package main

import (
	"fmt"
	"strings"
)

// closeCases are section 7: closes from the client with what surrounds them, their payloads and their codes. The server
// echoes a code that is allowed. Cases 7.1.6, 7.13.1 and 7.13.2 only inform in the suite; here they have to keep to this.
func closeCases() []scene {
	const notUTF8 = kosme + "\xed\xa0\x80" + "edited"
	long := strings.Repeat("A", 256<<10)
	cases := []scene{
		on("7.1.1", together).send(text(hello), hangUp(1000, "")).get(text(hello)).end(1000),
		on("7.1.2", together).send(hangUp(1000, "")).end(1000, hangUp(1000, "")),
		on("7.1.3", together).send(hangUp(1000, "")).end(1000, ping("too late")),
		on("7.1.4", together).send(hangUp(1000, "")).end(1000, text(hello)),
		on("7.1.5", together).send(begin(textual, "fragment1"), hangUp(1000, "")).end(1000, last("fragment2")),
		on("7.1.6", together).send(text(long), text(hello), hangUp(1000, "")).get(text(long), text(hello)).end(1000, ping("")),
		on("7.3.1", together).send(odd(fin|closing, "")).end(noStatus),
		on("7.3.2", together).send(odd(fin|closing, "a")).end(1002),
		on("7.3.3", together).send(hangUp(1000, "")).end(1000),
		on("7.3.4", together).send(hangUp(1000, hello)).end(1000),
		on("7.3.5", together).send(hangUp(1000, strings.Repeat("*", 123))).end(1000),
		on("7.3.6", together).send(hangUp(1000, strings.Repeat("*", 124))).end(1002),
		on("7.5.1", together).send(hangUp(1000, notUTF8)).end(1007),
		on("7.13.1", together).send(hangUp(5000, "")).end(1002),
		on("7.13.2", together).send(hangUp(65535, "")).end(1002),
	}
	for i, code := range []uint16{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999} {
		cases = append(cases, on(fmt.Sprintf("7.7.%d", i+1), together).send(hangUp(code, "")).end(code))
	}
	for i, code := range []uint16{0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999} {
		cases = append(cases, on(fmt.Sprintf("7.9.%d", i+1), together).send(hangUp(code, "")).end(1002))
	}
	return cases
}
