package bound

import "net"

func dial() { _, _ = net.Dial("tcp", "") }
