package service

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"shangu/agent/lan"
	"shangu/agent/web"
	"shangu/schema/text"
)

// lanFile keeps whether other computers may use the pages, and by what key.
const lanFile = "lan.json"

// lanLook is how often the machine's addresses are looked at while it is on: whoever
// has plugged the cable in waits before the page for the address to show.
const lanLook = 3 * time.Second

// openLAN reads the setting. One that cannot be read costs no more than being set
// again.
func (a *Agent) openLAN() *lan.Network {
	n, err := lan.Open(lan.Options{Path: a.path(lanFile), Files: a.files, Rand: a.o.Rand, Built: a.o.Built, Now: a.now, Free: free})
	if err != nil {
		a.o.Log.Warn("the setting of the school's network cannot be read: other computers are not let in", "err", err.Error())
	}
	return n
}

func free(port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return l.Close() == nil
}

// lanDoors are the doors that are open to other computers.
type lanDoors struct {
	*Agent
	net   *lan.Network
	pages http.Handler
	open  map[netip.Prefix]lanDoor
	tasks sync.WaitGroup
}

type lanDoor struct {
	net.Listener
	port int
}

// keepLAN opens and shuts the doors as the setting and the machine's addresses ask
// for, until ctx is done. A door that cannot be opened is told on the page and tried
// again; it never ends the service.
func (a *Agent) keepLAN(ctx context.Context, n *lan.Network, pages http.Handler) error {
	d := &lanDoors{Agent: a, net: n, pages: web.NeighbourHandler(pages, n.Here, a.o.Now), open: map[netip.Prefix]lanDoor{}}
	tick := time.NewTicker(lanLook)
	defer tick.Stop()
	for {
		d.settle(ctx)
		select {
		case <-ctx.Done():
			for at := range d.open {
				d.shut(at)
			}
			d.tasks.Wait()
			return nil
		case <-n.Changed():
		case <-tick.C:
		}
	}
}

func (d *lanDoors) settle(ctx context.Context) {
	want, port, err := d.net.Doors()
	if err != nil {
		d.o.Log.Warn("the school's network", "err", err.Error())
		d.net.Trouble(text.New("lan.trouble", "cause", err))
		return
	}
	keep := map[netip.Prefix]bool{}
	for _, at := range want {
		keep[at] = true
	}
	for at, door := range d.open {
		if !keep[at] || door.port != port {
			d.shut(at)
		}
	}
	var trouble *text.Message
	for _, at := range want {
		if _, there := d.open[at]; there {
			continue
		}
		l, err := web.Neighbours(at, port)
		if err != nil {
			d.o.Log.Warn("a door to other computers stays shut", "address", at.Addr().String(), "err", err.Error())
			trouble = text.Of(err)
			continue
		}
		d.open[at] = lanDoor{l, port}
		d.o.Log.Info("other computers may come in", "address", l.Addr().String(), "from", at.Masked().String())
		d.tasks.Go(func() {
			if err := web.ServeNeighbours(ctx, l, d.pages, d.net.Certificate); err != nil {
				d.o.Log.Warn("a door to other computers has shut", "err", err.Error())
			}
		})
	}
	d.net.Trouble(trouble)
}

// shut closes a door; who is inside goes with the next request.
func (d *lanDoors) shut(at netip.Prefix) {
	if err := d.open[at].Close(); err != nil {
		d.o.Log.Warn("shut a door", "err", err.Error())
	}
	d.o.Log.Info("other computers are no longer let in", "address", at.Addr().String())
	delete(d.open, at)
}
