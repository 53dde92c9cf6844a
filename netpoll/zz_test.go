package netpoll
import ("testing";"fmt";"math/rand/v2")
func TestZZ(t *testing.T){
		random := rand.New(rand.NewPCG(0, 7))
		operations := make([]byte, 600)
		for i := range operations {
			operations[i] = byte(random.Uint32())
		}
		m:=newQueueModel(t)
	old:=m.handler.onOverflow
	m.handler.onOverflow=func(n uint32,a,b int){ fmt.Println("overflow",n,a,b,m.r.Buffered(n),"sent",m.r.count.BytesOut); if s:=m.r.slots.table.At(n); s.back!=0 {g:=&m.r.backlogs.all[s.back]; fmt.Println(g.offset,g.bytes,len(g.items),g.head, len(g.first().bytes), g.first().ends)}; old(n,a,b); fmt.Println(m.r.Buffered(n))}
		m.run(operations)
}
