package term

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// link is one school's way to the hub: a proxy for each node, treated alike.
type link struct {
	server *toxiproxy.ApiServer
	ways   []way
	up     []*toxiproxy.Proxy // empty while the link is cut
}

// way is where a proxy listens and where it leads.
type way struct{ name, listen, upstream string }

// links makes the way from each school to each hub node, all of them cut.
func links(t *testing.T, schools int, hubs []string) []*link {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	out := make([]*link, schools)
	for i := range out {
		out[i] = &link{server: server}
		for n, h := range hubs {
			out[i].ways = append(out[i].ways, way{fmt.Sprintf("school%d-hub%d", i, n), freePort(t), h})
		}
		t.Cleanup(out[i].cut)
	}
	return out
}

// urls lists the hub's addresses as this school knows them, beginning with
// another node for each school.
func (l *link) urls(first int) string {
	var u []string
	for i := range l.ways {
		u = append(u, "https://"+l.ways[(first+i)%len(l.ways)].listen)
	}
	return strings.Join(u, ",")
}

// cut breaks all connections and refuses new ones.
func (l *link) cut() {
	for _, p := range l.up {
		p.Stop()
	}
	l.up = nil
}

// mend opens the link with the given toxics, in toxiproxy's JSON. The proxies
// are new: toxiproxy trips over toxics that change while connections end.
func (l *link) mend(toxics ...string) error {
	l.cut()
	for _, w := range l.ways {
		p := toxiproxy.NewProxy(l.server, w.name, w.listen, w.upstream)
		for _, t := range toxics {
			if _, err := p.Toxics.AddToxicJson(strings.NewReader(t)); err != nil {
				return fmt.Errorf("toxic %s: %w", t, err)
			}
		}
		if err := p.Start(); err != nil {
			return fmt.Errorf("mend %s: %w", w.name, err)
		}
		l.up = append(l.up, p)
	}
	return nil
}

// The ways in which a link in the mountains is bad.

// slow is 2G on a good day: 5 to 20 kB/s and 50 to 200 ms each way.
func slow(r *rand.Rand) []string {
	var out []string
	for _, stream := range []string{"upstream", "downstream"} {
		out = append(out,
			fmt.Sprintf(`{"name":"rate-%s","type":"bandwidth","stream":"%s","attributes":{"rate":%d}}`, stream, stream, 5+r.IntN(16)),
			fmt.Sprintf(`{"name":"delay-%s","type":"latency","stream":"%s","attributes":{"latency":%d,"jitter":%d}}`, stream, stream, 50+r.IntN(150), r.IntN(50)))
	}
	return out
}

// torn ends each connection after a random number of bytes, up or down.
func torn(r *rand.Rand) []string {
	stream := "upstream"
	if r.IntN(2) == 0 {
		stream = "downstream"
	}
	return []string{fmt.Sprintf(`{"name":"torn","type":"limit_data","stream":"%s","attributes":{"bytes":%d}}`, stream, 500+r.IntN(30000))}
}

// reset sends RST a while after the first byte.
func reset(r *rand.Rand) []string {
	return []string{fmt.Sprintf(`{"name":"reset","type":"reset_peer","stream":"downstream","attributes":{"timeout":%d}}`, r.IntN(400))}
}
