package drill

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"shangu/installer/stage"
)

// Addresses in the three networks.
const (
	holeAgents = "10.77.0.1"
	holeMiddle = "10.77.0.9"
	holeHub    = "10.77.0.2"
)

// layWay joins the agents' network A by a middle M to the hub's network H, by
// cables that are each used in one direction: a0 to m0 and m1 to h0, h1 to m2 and
// m3 to a1. A cable's far end takes no packets larger than its MTU and says
// nothing of those that it drops; whoever sends knows only the near end, where
// packets may have 1500 bytes. What the kernel has not cut yet would pass, hence
// gso_max_segs.
const layWay = `
set -eu
in_a() { nsenter --net="$A" "$@"; }
in_m() { nsenter --net="$M" "$@"; }
in_h() { nsenter --net="$H" "$@"; }
in_m ip link add m0 type veth peer name a0
in_m ip link add m3 type veth peer name a1
in_m ip link add m1 type veth peer name h0
in_m ip link add m2 type veth peer name h1
for i in a0 a1; do in_m ip link set $i netns "$A"; done
for i in h0 h1; do in_m ip link set $i netns "$H"; done
in_a ip addr add $AGENTS/32 dev a0
in_m ip addr add $MIDDLE/32 dev m0
in_h ip addr add $HUB/32 dev h1
in_a ip link set a0 gso_max_segs 1
in_h ip link set h1 gso_max_segs 1
for i in lo a0 a1; do in_a ip link set $i up; done
for i in m0 m1 m2 m3; do in_m ip link set $i up; done
for i in lo h0 h1; do in_h ip link set $i up; done
in_a ip route add $MIDDLE/32 dev a0
in_a ip route add $HUB/32 via $MIDDLE dev a0
in_h ip route add $MIDDLE/32 dev h1
in_h ip route add $AGENTS/32 via $MIDDLE dev h1
in_m ip route add $HUB/32 dev m1
in_m ip route add $AGENTS/32 dev m3
in_m sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'
for in in in_a in_m in_h; do
	$in sh -c 'for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > "$f"; done'
done
`

// networks are networks of their own, gone with their files.
type networks struct {
	agents, middle, hub *stage.Network
	s                   *stage.Stage
}

func runHoles(ctx context.Context, b *Bench) (o Outcome, err error) {
	if os.Geteuid() != 0 {
		return Skip("needs root, to make networks")
	}
	for _, tool := range []string{"ip", "nsenter"} {
		if _, err := exec.LookPath(tool); err != nil {
			return Skip("needs %s, to make networks", tool)
		}
	}
	s, err := b.Stage(ctx)
	if err != nil {
		return o, err
	}
	defer s.Close()
	n := &networks{s: s}
	for _, network := range []**stage.Network{&n.agents, &n.middle, &n.hub} {
		if *network, err = stage.NewNetwork(); err != nil {
			return Skip("cannot make a network here: %v", err)
		}
		defer (*network).Close()
	}
	if err := n.lay(ctx); err != nil {
		return o, err
	}
	return throughHole(ctx, s, n)
}

// lay lays the cables and puts the programs where they belong.
func (n *networks) lay(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "sh", "-c", layWay)
	cmd.Env = append(os.Environ(), "A="+n.agents.Path(), "M="+n.middle.Path(), "H="+n.hub.Path(),
		"AGENTS="+holeAgents, "MIDDLE="+holeMiddle, "HUB="+holeHub)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("lay cables: %w: %s", err, out)
	}
	n.s.Host, n.s.Elsewhere = holeHub, map[string]string{}
	for name, network := range map[string]*stage.Network{"agent": n.agents, "hub": n.hub} {
		file, err := network.Program(n.s.Work, filepath.Join(n.s.Bin, name))
		if err != nil {
			return err
		}
		n.s.Elsewhere[name] = file
	}
	return nil
}

// found founds the district, from within the hub's network: the stage knocks at
// the nodes that it starts.
func (n *networks) found(ctx context.Context, l *ledger) (h *stage.Hub, err error) {
	err = n.hub.Enter(func() (err error) {
		h, err = l.open(ctx, n.s, 1)
		return err
	})
	return h, err
}

func (n *networks) hole(ctx context.Context, packet int) error {
	// A cable's end takes the room of a VLAN tag beyond its MTU.
	mtu := strconv.Itoa(packet - 4)
	if err := system(ctx, "nsenter", "--net="+n.agents.Path(), "ip", "link", "set", "a1", "mtu", mtu); err != nil {
		return err
	}
	return system(ctx, "nsenter", "--net="+n.hub.Path(), "ip", "link", "set", "h0", "mtu", mtu)
}

func (n *networks) vanished(ctx context.Context) (sum int, err error) {
	for dev, network := range map[string]*stage.Network{"a1": n.agents, "h0": n.hub} {
		out, err := exec.CommandContext(ctx, "nsenter", "--net="+network.Path(), "ip", "-s", "-j", "link", "show", "dev", dev).Output()
		var v []struct {
			Stats64 struct{ RX struct{ Dropped int } }
		}
		if err == nil {
			err = json.Unmarshal(out, &v)
		}
		if err != nil || len(v) != 1 {
			return 0, fmt.Errorf("count what vanished: %w", err)
		}
		sum += v[0].Stats64.RX.Dropped
	}
	return sum, nil
}
