package netpoll

func engines() []Engine { return []Engine{EngineEpoll, EngineEasygo, EngineParked, EngineGoroutine} }
